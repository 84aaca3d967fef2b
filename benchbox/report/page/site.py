"""The site: a page for everything, a page for each sampler and each model, the rows, and what these need."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from benchbox.errors import UsageError
from benchbox.files import why
from benchbox.report.escape import plain_text
from benchbox.report.page import manifest
from benchbox.report.page.content import View, views
from benchbox.report.page.evidence import Budgets, CertificateJSON, Picture, sampler_charts
from benchbox.report.page.facts import facts, lede, measured_options, measured_packages, origin_of_rows, places
from benchbox.report.page.names import breakable, slug
from benchbox.report.page.table import encoded, with_commands
from benchbox.report.prepared import RANKED
from benchbox.report.ranking import boards
from benchbox.report.rows import plugin_rows, read_rows, write_rows
from benchbox.report.table import Usual, shared
from benchbox.store.atomic import write_bytes
from benchbox.store.schema import SCORED


@dataclass(frozen=True)
class Site:
    """What is shown. `usual`: the options that need not be said; certificates, budgets: of some of the samplers."""

    rows: pd.DataFrame
    usual: Usual
    certificates: Sequence[CertificateJSON] = ()
    budgets: Sequence[Budgets] = ()
    pictures: Sequence[Picture] = ()

    @cached_property
    def own(self) -> pd.DataFrame:
        """The rows without those of samples that were made elsewhere, whose cost is not known."""
        return self.rows[~self.rows["sampler"].astype(str).str.startswith(SCORED)]

    @cached_property
    def views(self) -> list[View]:
        return views(boards(self.own), self.usual, shared(plugin_rows(self.own), self.usual))

    @cached_property
    def lines(self) -> pd.DataFrame:
        return with_commands(self.own, self.usual)

    def names(self, column: str) -> list[str]:
        return sorted(self.own[column].dropna().astype(str).unique())


def write_site(site: Site, folder: Path, more: Mapping[str, bytes] | None = None) -> None:
    """Write the site, and more files, into a folder, which may hold an older one.

    What an older one wrote and this one does not is removed; other people's files stay. UsageError where the folder
    cannot be written, or holds rows that would be lost.
    """
    refuse_loss(site.rows, folder)
    shown = {picture.path: picture.content for picture in site.pictures}
    files = {**assets(), **shown, **{name: text.encode() for name, text in pages(site)}, **(more or {})}
    before, now = manifest.read_manifest(folder), manifest.of(files)
    try:
        for sub in sorted({(folder / name).parent for name in (*files, manifest.ROWS_FILE)}):
            sub.mkdir(parents=True, exist_ok=True)
        manifest.write_manifest(
            folder, {**before, **now}
        )  # first, so that nothing is forgotten where this is cut short
        write_rows(site.rows, folder / manifest.ROWS_FILE)
        for name, content in files.items():
            write_bytes(folder / name, content)
        manifest.remove(folder, before, now)
        manifest.write_manifest(folder, now)
    except OSError as error:
        raise UsageError(f"{error.filename or folder} cannot be written: {error.strerror}.") from None


def refuse_loss(rows: pd.DataFrame, folder: Path) -> None:
    """UsageError where a folder has rows of cells that are not among these, or rows that cannot be read."""
    path = folder / manifest.ROWS_FILE
    if not path.is_file():
        return
    try:
        there = set(read_rows(path)["cell"])
    except Exception as error:
        raise UsageError(f"{path} cannot be read, and would be lost: {why(error)}.") from None
    lost = there - set(rows["cell"])
    if lost:
        raise UsageError(
            f"{folder} has {len(lost):,} rows that are not among these: benchbox publish --output {folder} keeps both."
        )


def assets() -> dict[str, bytes]:
    """Styles and scripts, by their path in the site."""
    with as_file(files(__package__) / "assets") as source:
        paths = [path for path in sorted(source.rglob("*")) if path.is_file()]
        return {f"assets/{path.relative_to(source).as_posix()}": path.read_bytes() for path in paths}


def shown_text(value: Any) -> Any:
    """Text without control characters; what is HTML already, and what is no text, as it is."""
    return plain_text(value) if type(value) is str else value


def environment() -> jinja2.Environment:
    """Templates that escape whatever they are given."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("benchbox.report.page"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=shown_text,
    )  # fmt: skip
    made.filters |= {"slug": slug, "quoted": shlex.quote, "breakable": breakable}
    made.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return made


def pages(site: Site) -> Iterable[tuple[str, str]]:
    """The name and the text of every page."""
    templates = environment()

    def page(template: str, root: str, data: dict[str, Any], **content: Any) -> str:
        return templates.get_template(template).render(root=root, about=origin_of_rows(site.rows), data=data, **content)

    yield "index.html", page(
        "index.html", "", script_views(site.views[:1]), views=site.views, lede=lede(site.rows),
        samplers=site.names("sampler"),
        models=site.names("model"), pictures=site.pictures,
    )  # fmt: skip
    yield "rows.html", page("rows.html", "", script_rows(site.lines))
    for name in site.names("sampler"):
        rows = site.lines[site.lines["sampler"] == name]
        certificates = [c for c in site.certificates if c["name"] == name]
        charts = sampler_charts(certificates, [b for b in site.budgets if b["sampler"] == name])
        yield f"samplers/{slug(name)}.html", page(
            "sampler.html", "../", script_rows(rows) | {"views": charts}, name=plain_text(name),
            packages=measured_packages(rows),
            options=measured_options(rows), places=places(site.views, name), certificates=certificates,
        )  # fmt: skip
    for name in site.names("model"):
        rows = site.lines[site.lines["model"] == name]
        of = [view for view in site.views if view.task.model == name]
        yield (
            f"models/{slug(name)}.html",
            page(
                "model.html",
                "../",
                script_views(of) | script_rows(rows),
                name=plain_text(name),
                views=of,
                facts=facts(rows),
            ),
        )


def script_rows(lines: pd.DataFrame) -> dict[str, Any]:
    """Rows as the page's script reads them, and which of their columns are metrics."""
    return {"rows": encoded(lines), "metrics": [name for name in RANKED if name in lines]}


def script_views(of: Iterable[View]) -> dict[str, Any]:
    """The views as the page's script reads them."""
    return {"views": {v.id: {"charts": v.charts, "lines": v.lines, "measure": v.measure} for v in of}}
