"""A sweep of cells as `benchbox run` makes it, and one cell measured without a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchbox.bench.cell import Cell
from benchbox.bench.cell_run import CellRun, TaskLimits
from benchbox.bench.plan import PlannedCell, Watcher, plan_sweep
from benchbox.bench.row import missing_metrics
from benchbox.bench.runner import prepare, run_sweep
from benchbox.bench.shard_result import shards
from benchbox.executor import Executor
from benchbox.store.store import Store

Row = dict[str, Any]


def run_cells(
    cells: Sequence[Cell], store: Store, executor: Executor, watcher: Watcher, force: bool = False, **how: Any
) -> Iterator[Row]:
    """The rows of the cells, planned and run."""
    plan = plan_sweep(cells, store, executor, force)
    prepare(plan, store)
    return run_sweep(plan, store, executor, watcher, **how)


def measure(cell: Cell, timeout: float | None = None) -> Row:
    """The row of a cell that is run in this process."""
    run = CellRun(PlannedCell(cell, "run", missing_metrics(cell.metrics, cell.model)), TaskLimits(timeout))
    for shard in [] if cell.skip else shards(cell):
        run.add(run.sampling()(shard), lambda task, given: task(given))
        if run.over:
            break
    return run.row(lambda task, given: task(given))
