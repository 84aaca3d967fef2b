"""Rows for the commands that report: of a results directory, or of a published folder with directories in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchbox.cli.common import say
from benchbox.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from benchbox.report.table import Usual


def rows_in(directory: Path) -> pd.DataFrame:
    """All rows in a directory and below it; what cannot be read is said. UsageError where there is none."""
    import warnings

    import pandas as pd

    from benchbox.store.store import load_results

    places = sorted({directory, *(path.parent for path in directory.rglob("*.parquet"))})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parts = [load_results(place) for place in places]
    for warning in caught:
        say(warning.message)
    found = [part for part in parts if not part.empty]
    if not found:
        raise UsageError(f"there are no rows in {directory}: benchbox run makes them.")
    rows = pd.concat(found, ignore_index=True) if len(found) > 1 else found[0]
    return rows.drop_duplicates(["cell", "status", "host", "started_at"], ignore_index=True)


def usual_of(*rows: pd.DataFrame) -> Usual:
    """The options that need not be said of rows; for a plugin that is not installed, those that all its rows share."""
    from benchbox.registry import registry
    from benchbox.report.rows import plugin_rows
    from benchbox.report.table import shared

    return shared([row for part in rows for row in plugin_rows(part)], registry().usual)
