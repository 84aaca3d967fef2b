"""The site: an index, a page for each sampler and each model, the rows, and the assets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path

import pandas as pd

from benchbox.atomic import write_bytes
from benchbox.errors import UsageError
from benchbox.files import why
from benchbox.report.page import manifest
from benchbox.report.page.content import View, views
from benchbox.report.page.evidence import BudgetJSON, CertificateJSON, Picture
from benchbox.report.page.pages import pages
from benchbox.report.page.table import with_commands
from benchbox.report.plots.chart import Chart
from benchbox.report.plots.tradeoff import tradeoffs
from benchbox.report.ranking import boards
from benchbox.report.rows import plugin_rows, read_rows, write_rows
from benchbox.report.table import Defaults, shared
from benchbox.store.schema import SCORED


@dataclass(frozen=True)
class Site:
    """The content of a site. certificates, budgets: of any of the samplers."""

    rows: pd.DataFrame
    defaults: Defaults
    certificates: Sequence[CertificateJSON] = ()
    budgets: Sequence[BudgetJSON] = ()
    pictures: Sequence[Picture] = ()

    @cached_property
    def ran_here(self) -> pd.DataFrame:
        """The rows of cells that ran here. The cost of samples that were made elsewhere is unknown."""
        return self.rows[~self.rows["sampler"].astype(str).str.startswith(SCORED)]

    @cached_property
    def views(self) -> list[View]:
        return views(boards(self.ran_here), self.defaults, shared(plugin_rows(self.ran_here), self.defaults))

    @cached_property
    def tradeoffs(self) -> dict[str, dict[str, Chart]]:
        """The charts of quality against the scale of a guidance, by model."""
        by_model = {name: self.ran_here[self.ran_here["model"] == name] for name in self.names("model")}
        found = {name: tradeoffs(rows, self.defaults) for name, rows in by_model.items()}
        return {name: charts for name, charts in found.items() if charts}

    @cached_property
    def lines(self) -> pd.DataFrame:
        return with_commands(self.ran_here, self.defaults)

    def names(self, column: str) -> list[str]:
        return sorted(self.ran_here[column].dropna().astype(str).unique())


def write_site(site: Site, folder: Path, more: Mapping[str, bytes] | None = None) -> None:
    """Write the site, and more files, into a folder that may contain an older site.

    Files that only the older site wrote are removed; files of others are kept. UsageError if the folder cannot be
    written, or contains rows that would be lost.
    """
    refuse_loss(site.rows, folder)
    pictures = {picture.path: picture.content for picture in site.pictures}
    files = {**assets(), **pictures, **{name: text.encode() for name, text in pages(site)}, **(more or {})}
    old, new = manifest.read_manifest(folder), manifest.of(files)
    try:
        for sub in sorted({(folder / name).parent for name in (*files, manifest.ROWS_FILE)}):
            sub.mkdir(parents=True, exist_ok=True)
        manifest.write_manifest(folder, {**old, **new})  # first, so that an interruption leaves no unlisted file
        write_rows(site.rows, folder / manifest.ROWS_FILE)
        for name, content in files.items():
            write_bytes(folder / name, content)
        manifest.remove(folder, old, new)
        manifest.write_manifest(folder, new)
    except OSError as error:
        raise UsageError(f"{error.filename or folder} cannot be written: {error.strerror}.") from None


def refuse_loss(rows: pd.DataFrame, folder: Path) -> None:
    """UsageError if a folder has rows of cells that are not among these, or rows that cannot be read."""
    path = folder / manifest.ROWS_FILE
    if not path.is_file():
        return
    try:
        published = set(read_rows(path)["cell"])
    except Exception as error:
        raise UsageError(f"{path} cannot be read and would be overwritten: {why(error)}.") from None
    lost = published - set(rows["cell"])
    if lost:
        raise UsageError(
            f"{folder} has {len(lost):,} rows that are not among these: benchbox publish --output {folder} merges both."
        )


def assets() -> dict[str, bytes]:
    """Styles and scripts, by path in the site."""
    with as_file(files(__package__) / "assets") as source:
        paths = [path for path in sorted(source.rglob("*")) if path.is_file()]
        return {f"assets/{path.relative_to(source).as_posix()}": path.read_bytes() for path in paths}
