"""The plan of a sweep: what to run for each cell, given the rows in the store. Made once, then shown and executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from benchbox.bench.cell import Cell
from benchbox.bench.request import Configuration
from benchbox.bench.resume import n_resumable
from benchbox.bench.row import missing_metrics
from benchbox.bench.saving import unsaved
from benchbox.bench.task import MakeSamples
from benchbox.executor import Executor
from benchbox.metric import Metric
from benchbox.store.store import FINISHED, Store

if TYPE_CHECKING:
    from benchbox.bench.estimate import CostEstimate

Todo = Literal["run", "metrics", "done"]
"""The whole cell; only metrics that its row lacks, or samples that are not saved yet; or nothing."""

Row = dict[str, Any]


@dataclass(frozen=True)
class PlannedCell:
    """A cell and what to do for it.

    metrics: those to compute, by their labels in the row. row: the stored row, which is kept or extended by metrics.
    n_kept: samples that an earlier run made and whose metric states are stored. cost: an estimate, if requested.
    """

    cell: Cell
    todo: Todo
    metrics: Mapping[str, Metric]
    row: Row | None = None
    n_kept: int = 0
    cost: CostEstimate | None = None

    @property
    def n_left(self) -> int:
        return 0 if self.todo == "done" or self.cell.skip else self.cell.n_samples - self.n_kept

    @property
    def most_kept(self) -> int:
        """The most samples that may come from an earlier run: a cell that is run makes at least one, to be timed."""
        return self.cell.n_samples - (self.todo == "run")


@dataclass(frozen=True)
class Plan:
    """A sweep that can be shown and executed.

    isolated: no task runs in the calling process. force: cells that are done are measured again. command, sweep: the
    columns of these names. configuration: stored when the plan is executed; `sweep` is then its id.
    """

    cells: tuple[PlannedCell, ...]
    isolated: bool = False
    force: bool = False
    command: str = ""
    sweep: str | None = None
    configuration: Configuration | None = None

    @property
    def to_do(self) -> list[PlannedCell]:
        return [planned for planned in self.cells if planned.todo != "done"]


class Watcher(Protocol):
    """Is notified of the progress of a sweep."""

    def start(self, planned: PlannedCell) -> None: ...

    def tick(self, cell: Cell) -> None:
        """A batch of the cell reached its next state."""

    def reach(self, cell: Cell, n: int) -> None:
        """n of the cell's samples are finished."""

    def finish(self, planned: PlannedCell, row: Row) -> None: ...

    def wait(self, cells: Sequence[PlannedCell], holder: str) -> None:
        """Other processes hold all cells that are left."""


def plan_sweep(
    cells: Sequence[Cell], store: Store, executor: Executor, force: bool = False, costs: bool = False, **origin: Any
) -> Plan:
    """The plan of a sweep. costs: add estimates, from all rows of the store. origin: further fields of `Plan`."""
    if force or not store.directory.exists():
        planned = [plan_cell(cell, None) for cell in cells]
    else:
        planned = [with_kept(plan_cell(cell, store.get(cell.id)), store) for cell in cells]
    if costs:
        from benchbox.bench.estimate import Costs
        from benchbox.store.tables import framed

        measured = Costs(framed(store.table()))
        planned = [replace(p, cost=measured.estimate(p.cell, p.cell.n_samples - p.n_left)) for p in planned]
    # if a task of any cell must run isolated, all do, since this process has imported external code
    isolated = any(executor.isolated(MakeSamples(cell)) for cell in cells if not cell.skip)
    return Plan(tuple(planned), isolated, force, **origin)


def plan_cell(cell: Cell, row: Row | None) -> PlannedCell:
    """What to do for a cell, given its row in the store."""
    finished = row is not None and row["status"] in FINISHED and (row["status"] != "skipped" or bool(cell.skip))
    if row is None or not finished:
        return PlannedCell(cell, "run", missing_metrics(cell.metrics, cell.model))
    metrics = missing_metrics(cell.metrics, cell.model, row) if row["status"] == "done" else {}
    incomplete = bool(metrics) or (row["status"] == "done" and unsaved(cell))
    return PlannedCell(cell, "metrics" if incomplete and not cell.skip else "done", metrics, row)


def with_kept(planned: PlannedCell, store: Store) -> PlannedCell:
    """The planned cell with the number of samples that an earlier run has made."""
    if planned.n_left == 0:
        return planned
    return replace(planned, n_kept=n_resumable(planned.cell, planned.metrics, store, planned.most_kept))
