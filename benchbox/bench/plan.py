"""What there is to do for a cell, from what is in the store."""

from __future__ import annotations

from typing import Any, Literal

from benchbox.bench.cell import Cell
from benchbox.bench.resume import begun
from benchbox.bench.row import noted
from benchbox.bench.saving import unsaved
from benchbox.bench.values import lacking
from benchbox.store.schema import ORDER
from benchbox.store.store import FINISHED, Store
from benchbox.store.values import described, values

Todo = Literal["run", "metrics", "done"]
"""All of a cell, only metrics that its row lacks or samples that are to be in files, or nothing."""


def todo(cell: Cell, store: Store, force: bool = False) -> Todo:
    """What a rerun has to do for a cell, from the row that is there."""
    row = None if force else store.get(cell.id)
    if row is None or row["status"] not in FINISHED or (row["status"] == "skipped" and not cell.skip):
        return "run"
    if cell.skip:
        return "done"
    if row["status"] == "done" and (lacking(cell.metrics, cell.model, row) or unsaved(cell)):
        return "metrics"
    return "done"


def most(cell: Cell, what: Todo) -> int:
    """Of how many samples at the most statistics serve: a run must make some, to be timed."""
    return cell.n_samples if what == "metrics" else cell.n_samples - 1


def ready(cell: Cell, store: Store, what: Todo, force: bool = False) -> int:
    """How many of the samples need not be made again, by the statistics that were kept."""
    if force or what == "done":
        return 0
    row = store.get(cell.id) if what == "metrics" else None
    return begun(cell, lacking(cell.metrics, cell.model, row), store, most(cell, what))


def with_metrics(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The old row with the metric columns of a new one; nothing that was measured before is lost."""
    columns = {name: value for name, value in new.items() if name not in ORDER}
    return noted(old | columns | described([*values(old), *values(new)]))
