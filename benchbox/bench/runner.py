"""Run the cells of a sweep one after the other, skip what is done, and put every row away as soon as it is finished."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal, Protocol

from benchbox.bench.cell import Cell, Result, dumps, measure, noted, work
from benchbox.bench.resume import begun, earlier, key
from benchbox.bench.schema import ORDER
from benchbox.bench.store import FINISHED, Store, missing_metrics
from benchbox.executor import Executor
from benchbox.options import describe

Todo = Literal["run", "metrics", "done"]
"""What there is to do for a cell: all of it, only metrics that its row lacks, or nothing."""


class Watcher(Protocol):
    """Who is told how a sweep goes on."""

    def start(self, cell: Cell, todo: Todo) -> None: ...

    def tick(self) -> None:
        """One more state of the cell's current batch."""

    def finish(self, cell: Cell, row: dict[str, Any], todo: Todo) -> None: ...


def todo(cell: Cell, store: Store, force: bool = False) -> Todo:
    """What a rerun has to do for a cell, from the row that is there."""
    row = None if force else store.get(cell.id)
    if row is None or row["status"] not in FINISHED or (row["status"] == "skipped" and not cell.skip):
        return "run"
    if cell.skip:
        return "done"
    if row["status"] == "done" and missing(cell, row):
        return "metrics"
    return "done"


def missing(cell: Cell, row: dict[str, Any]) -> set[str]:
    return missing_metrics(row, {m.name: describe(m) for m in cell.metrics})


def run_sweep(
    cells: Sequence[Cell],
    store: Store,
    executor: Executor,
    watcher: Watcher,
    force: bool = False,
    timeout: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the row of every cell, in order; each is in the store before the next cell begins."""
    for cell in cells:
        what = todo(cell, store, force)
        old = None if what == "run" else store.get(cell.id)
        watcher.start(cell, what)
        if what == "done" and old is not None:
            row = measure(cell) if cell.skip else old
        else:
            wanted = None if old is None else missing(cell, old)
            metrics = tuple(m for m in cell.metrics if wanted is None or m.name in wanted)
            seen = {} if force else earlier(cell, metrics, store.statistics, most(cell, what))
            task = partial(work, tick=watcher.tick, timeout=timeout, metrics=metrics, earlier=seen)
            result: Result = executor.submit(task, cell).result()
            row = result.row
            # a metric that failed leaves the row in the store as it was, and is tried again
            if old is None:
                store.put(row)
            elif row["status"] == "done":
                row = with_metrics(old, row)
                store.put(row)
            store.problems += result.problems
            if row["status"] == "done":
                store.keep({key(cell, m): result.kept[m.name] for m in metrics if m.name in result.kept})
        watcher.finish(cell, row, what)
        yield row


def most(cell: Cell, what: Todo) -> int:
    """Of how many samples at the most statistics serve: a run must make some, to be timed."""
    return cell.n_samples if what == "metrics" else cell.n_samples - 1


def ready(cell: Cell, store: Store, what: Todo, force: bool = False) -> int:
    """How many of the samples need not be made again, by the statistics that were kept."""
    return 0 if force or what == "done" else begun(cell, cell.metrics, store.statistics, most(cell, what))


def with_metrics(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The old row with the metric columns of a new one; nothing that was measured before is lost."""
    options = json.loads(old["metric_options"]) | json.loads(new["metric_options"])
    return noted(old | {k: v for k, v in new.items() if k not in ORDER} | {"metric_options": dumps(options)})
