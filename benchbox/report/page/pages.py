"""The HTML pages of the site."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Any

import jinja2
import pandas as pd

from benchbox.report.escape import plain_text
from benchbox.report.page.content import View
from benchbox.report.page.evidence import sampler_charts
from benchbox.report.page.facts import facts, lede, measured_options, measured_packages, origin_of_rows, sampler_ranks
from benchbox.report.page.names import breakable, papers, slug, with_links
from benchbox.report.page.site import Site
from benchbox.report.page.table import encoded_rows
from benchbox.report.prepared import RANKED


def environment() -> jinja2.Environment:
    """Templates that escape every value."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("benchbox.report.page"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_printable_text,
    )  # fmt: skip
    templates.filters |= {"slug": slug, "quoted": shlex.quote, "breakable": breakable, "linked": with_links}
    templates.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return templates


def _printable_text(value: Any) -> Any:
    """Text without control characters; markup and other types are unchanged."""
    return plain_text(value) if type(value) is str else value


def pages(site: Site, documentation: str = "") -> Iterator[tuple[str, str]]:
    """The path and the text of every page. documentation: the path of its first page, if these are inside its site."""
    templates, about = environment(), origin_of_rows(site.rows)

    def page(template: str, root: str, content: dict[str, Any]) -> str:
        return templates.get_template(template).render(root=root, about=about, documentation=documentation, **content)

    yield "index.html", page("index.html", "", _index_content(site))
    yield "rows.html", page("rows.html", "", {"data": script_rows(site.lines)})
    for name in site.names("sampler"):
        yield f"samplers/{slug(name)}.html", page("sampler.html", "../", _sampler_content(site, name))
    for name in site.names("model"):
        yield f"models/{slug(name)}.html", page("model.html", "../", _model_content(site, name))


def _index_content(site: Site) -> dict[str, Any]:
    charts = {f"tradeoff-{slug(name)}": charts for name, charts in site.tradeoffs.items()}
    drawn = {id: {"charts": {k: chart.as_dict() for k, chart in by_name.items()}} for id, by_name in charts.items()}
    return {
        "data": {"views": script_charts(site.views[:1]) | drawn}, "tradeoffs": list(site.tradeoffs),
        "views": site.views, "lede": lede(site.rows),
        "samplers": {name: papers(" ".join(site.description(name))) for name in site.names("sampler")},
        "models": site.names("model"), "pictures": site.pictures,
    }  # fmt: skip


def _sampler_content(site: Site, name: str) -> dict[str, Any]:
    rows = site.lines[site.lines["sampler"] == name]
    certificates = [c for c in site.certificates if c["name"] == name]
    charts = sampler_charts(certificates, [b for b in site.budgets if b["sampler"] == name])
    return {
        "data": script_rows(rows) | {"views": charts}, "name": plain_text(name),
        "description": [plain_text(paragraph) for paragraph in site.description(name)],
        "packages": measured_packages(rows),
        "options": measured_options(rows), "ranks": sampler_ranks(site.views, name), "certificates": certificates,
    }  # fmt: skip


def _model_content(site: Site, name: str) -> dict[str, Any]:
    rows = site.lines[site.lines["model"] == name]
    views = [view for view in site.views if view.task.model == name]
    charts = script_charts(views)
    data = {"views": {v.id: charts[v.id] | {"lines": v.lines, "measure": v.measure} for v in views}}
    data |= script_rows(rows)
    return {"data": data, "name": plain_text(name), "views": views, "facts": facts(rows)}


def script_rows(lines: pd.DataFrame) -> dict[str, Any]:
    """Rows for the page's script, and the columns that are metrics."""
    return {"rows": encoded_rows(lines), "metrics": [name for name in RANKED if name in lines]}


def script_charts(views: Iterable[View]) -> dict[str, Any]:
    """The charts for the page's script, by view."""
    return {v.id: {"charts": v.charts} for v in views}
