"""What the reporting commands share: rows of a directory, default options, and the site made from rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchbox.cli.common import say
from benchbox.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from benchbox.report.page.site import Site
    from benchbox.report.table import Defaults


def rows_in(directory: Path) -> pd.DataFrame:
    """All rows in a directory, or below it where it has none of its own, as in a published folder.

    Unreadable files, and rows below that are not read, are reported. UsageError if there are no rows.
    """
    import pandas as pd

    from benchbox.store.store import load_results

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tables = [load_results(folder) for folder in directories_read(directory)]
    for warning in caught:
        say(warning.message)
    tables = [table for table in tables if not table.empty]
    if not tables:
        raise UsageError(f"there are no rows in {directory}: benchbox run makes them.")
    if ignored := sorted({*row_directories(directory)} - {*directories_read(directory)}):
        say(f"{directory} has rows of its own: those in {', '.join(map(str, ignored))} are not read.")
    rows = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    return rows.drop_duplicates(["cell", "status", "host", "started_at"], ignore_index=True)


def directories_read(directory: Path) -> list[Path]:
    """The directories whose rows `rows_in` reads."""
    return [directory] if any(directory.glob("*.parquet")) else row_directories(directory)


def row_directories(directory: Path) -> list[Path]:
    """The directory and those below it that contain rows."""
    return sorted({directory, *(path.parent for path in directory.rglob("*.parquet"))})


def defaults_for(*tables: pd.DataFrame) -> Defaults:
    """The default options of plugins; for a plugin that is not installed, the options that all its rows share."""
    from benchbox.registry import registry
    from benchbox.report.rows import plugin_rows
    from benchbox.report.table import shared

    return shared([row for table in tables for row in plugin_rows(table)], registry().defaults)


def site_of(rows: pd.DataFrame, checks: Sequence[Path], pictures: Sequence[Path] = ()) -> Site:
    """The site of rows, of files of certificates and error budgets, and of pictures."""
    from benchbox.registry import registry
    from benchbox.report.page.evidence import budgets_in, certificates_in, picture
    from benchbox.report.page.site import Site

    shown = [picture(path) for path in pictures]
    site = Site(rows, registry().defaults, certificates_in(checks), budgets_in(checks), shown, sampler_description)
    say_undescribed(site)
    return site


def say_undescribed(site: Site) -> None:
    """Say once for each package of samplers that is not installed that their pages have no description."""
    from benchbox.registry import registry
    from benchbox.report.table import count_of

    missing = [name for name in site.names("sampler") if not registry().offers("sampler", name)]
    rows = site.ran_here[site.ran_here["sampler"].isin(missing)]
    for package, samplers in rows["sampler"].groupby(rows["sampler_package"].fillna("")):
        verb = "is" if (n := samplers.nunique()) == 1 else "are"
        origin = f" ({package})" if package else ""
        say(f"{count_of(n, 'sampler')} {verb} not installed here{origin}: no description, no paper.")


def sampler_description(name: str) -> Sequence[str]:
    """The paragraphs of the docstring of a sampler; none where it is not installed."""
    from benchbox.plugin import paragraphs
    from benchbox.registry import registry

    offers = registry().offers("sampler", name)
    return paragraphs(offers[0].cls) if len(offers) == 1 else ()
