"""What a sweep has to do: each cell beside what the store has of it, worked out once and then shown and executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from benchbox.bench.cell import Cell
from benchbox.bench.configuration import Configuration
from benchbox.bench.estimate import CostEstimate, Costs
from benchbox.bench.resume import begun
from benchbox.bench.saving import unsaved
from benchbox.bench.task import LoadModel
from benchbox.bench.values import lacking
from benchbox.executor import Executor
from benchbox.metric import Metric
from benchbox.store.store import FINISHED, Store
from benchbox.store.tables import framed

Todo = Literal["run", "metrics", "done"]
"""All of a cell, only metrics that its row lacks or samples that are to be in files, or nothing."""

Row = dict[str, Any]


@dataclass(frozen=True)
class PlannedCell:
    """A cell and what there is to do for it.

    metrics: those to compute, by their labels in the row. row: the stored row that stays, or to which metrics are
    added. n_kept: samples that need not be made again, because statistics of them were kept. cost: an estimate, where
    one was asked for.
    """

    cell: Cell
    todo: Todo
    metrics: Mapping[str, Metric]
    row: Row | None = None
    n_kept: int = 0
    cost: CostEstimate | None = None

    @property
    def n_left(self) -> int:
        """Samples to make."""
        return 0 if self.todo == "done" or self.cell.skip else self.cell.n_samples - self.n_kept

    @property
    def most_kept(self) -> int:
        """The most samples that kept statistics may stand for: a run must make some, to be timed."""
        return self.cell.n_samples - (self.todo == "run")


@dataclass(frozen=True)
class Plan:
    """A sweep that can be shown and executed.

    isolated: nothing runs in the calling process. force: measure again what is done. command, sweep: what rows say of
    where they come from; configuration: what `sweep` is the id of, stored when the plan is executed.
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


def plan_sweep(
    cells: Sequence[Cell], store: Store, executor: Executor, force: bool = False, costs: bool = False, **origin: Any
) -> Plan:
    """The plan of a sweep. costs: with estimates, which read all rows of the store. origin: fields of `Plan`."""
    planned = [plan_cell(cell, None if force else store.get(cell.id)) for cell in cells]
    if not force:
        planned = [with_kept(one, store) for one in planned]
    if costs:
        known = Costs(framed(store.table()))
        planned = [replace(one, cost=known.estimate(one.cell, one.cell.n_samples - one.n_left)) for one in planned]
    return Plan(tuple(planned), is_isolated(cells, executor), force, **origin)


def plan_cell(cell: Cell, row: Row | None) -> PlannedCell:
    """What there is to do for a cell of which the store has this row."""
    finished = row is not None and row["status"] in FINISHED and (row["status"] != "skipped" or bool(cell.skip))
    if row is None or not finished:
        return PlannedCell(cell, "run", lacking(cell.metrics, cell.model))
    metrics = lacking(cell.metrics, cell.model, row) if row["status"] == "done" else {}
    more = bool(metrics) or (row["status"] == "done" and unsaved(cell))
    return PlannedCell(cell, "metrics" if more and not cell.skip else "done", metrics, row)


def with_kept(planned: PlannedCell, store: Store) -> PlannedCell:
    """The planned cell with the number of samples that it need not make again."""
    if planned.n_left == 0:
        return planned
    return replace(planned, n_kept=begun(planned.cell, planned.metrics, store, planned.most_kept))


def is_isolated(cells: Sequence[Cell], executor: Executor) -> bool:
    """Whether a cell runs isolated, and so all of them do: the sweep's own process has imported code of others."""
    return any(executor.isolated(LoadModel(cell)) for cell in cells if not cell.skip)
