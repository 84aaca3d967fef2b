"""The site: a page for everything, a page for each sampler and each model, the rows, and what these need."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from benchbox.errors import UsageError
from benchbox.report.escape import plain
from benchbox.report.page.content import View, views
from benchbox.report.page.facts import about, facts, lede, packages, places
from benchbox.report.page.names import slug
from benchbox.report.page.table import encoded, with_commands
from benchbox.report.prepared import RANKED
from benchbox.report.ranking import boards
from benchbox.report.rows import write_rows
from benchbox.report.table import Usual

Certificate = Mapping[str, Any]
"""As `benchbox check --json` writes it."""


@dataclass(frozen=True)
class Site:
    """What is shown. `usual`: the options that need not be said; certificates: of some of the samplers."""

    rows: pd.DataFrame
    usual: Usual
    certificates: Sequence[Certificate] = ()

    @cached_property
    def views(self) -> list[View]:
        return views(boards(self.rows), self.usual)

    @cached_property
    def lines(self) -> pd.DataFrame:
        return with_commands(self.rows, self.usual)

    def names(self, column: str) -> list[str]:
        return sorted(self.rows[column].dropna().astype(str).unique())


def write_site(site: Site, folder: Path) -> None:
    """Write the site into a folder, which may hold an older one. UsageError where it cannot be written."""
    try:
        for sub in ("samplers", "models", "data"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        _assets(folder / "assets")
        write_rows(site.rows, folder / "data" / "rows.parquet")
        for name, text in pages(site):
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename or folder} cannot be written: {error.strerror}.") from None


def _assets(folder: Path) -> None:
    with as_file(files(__package__) / "assets") as source:
        shutil.copytree(source, folder, dirs_exist_ok=True)


def shown_text(value: Any) -> Any:
    """Text without control characters; what is HTML already, and what is no text, as it is."""
    return plain(value) if type(value) is str else value


def environment() -> jinja2.Environment:
    """Templates that escape whatever they are given."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("benchbox.report.page"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=shown_text,
    )  # fmt: skip
    made.filters |= {"slug": slug, "quoted": shlex.quote}
    made.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return made


def pages(site: Site) -> Iterable[tuple[str, str]]:
    """The name and the text of every page."""
    templates = environment()

    def page(template: str, root: str, data: dict[str, Any], **content: Any) -> str:
        return templates.get_template(template).render(root=root, about=about(site.rows), data=data, **content)

    yield "index.html", page(
        "index.html", "", shown(site.views[:1]), views=site.views, lede=lede(site.rows), samplers=site.names("sampler"),
        models=site.names("model"),
    )  # fmt: skip
    yield "rows.html", page("rows.html", "", rows_of(site.lines))
    for name in site.names("sampler"):
        rows = site.lines[site.lines["sampler"] == name]
        yield f"samplers/{slug(name)}.html", page(
            "sampler.html", "../", rows_of(rows), name=plain(name), packages=packages(rows),
            places=list(places(site.views, name)), certificates=[c for c in site.certificates if c["name"] == name],
        )  # fmt: skip
    for name in site.names("model"):
        rows = site.lines[site.lines["model"] == name]
        of = [view for view in site.views if view.task.model == name]
        yield (
            f"models/{slug(name)}.html",
            page("model.html", "../", shown(of) | rows_of(rows), name=plain(name), views=of, facts=facts(rows)),
        )


def rows_of(lines: pd.DataFrame) -> dict[str, Any]:
    """Rows as the page's script reads them, and which of their columns are metrics."""
    return {"rows": encoded(lines), "metrics": [name for name in RANKED if name in lines]}


def shown(of: Iterable[View]) -> dict[str, Any]:
    """The views as the page's script reads them."""
    return {"views": {v.id: {"charts": v.charts, "lines": v.lines, "measure": v.measure} for v in of}}
