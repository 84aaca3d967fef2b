"""Execute the plan of a sweep: skip what is done, and store every row as soon as it is finished."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Protocol

from benchbox.bench import interrupt
from benchbox.bench.cell import Cell
from benchbox.bench.cell_run import CellRun, TaskLimits
from benchbox.bench.configuration import save_configuration
from benchbox.bench.dispatch import Dispatcher
from benchbox.bench.plan import Plan, PlannedCell, Row, plan_cell, with_kept
from benchbox.bench.resume import earlier, save_progress, state_key
from benchbox.bench.row import blank, now, with_metrics
from benchbox.bench.shard_result import ShardResult
from benchbox.bench.task import SHARDS, CheckStates, Shard, shards
from benchbox.bench.values import lacking
from benchbox.executor import Executor
from benchbox.store.leases import Leases
from benchbox.store.paths import printable
from benchbox.store.store import Store

LEASE_POLL = 1.0
"""Seconds between looks at cells that another process is at."""


class Watcher(Protocol):
    """Who is told how a sweep goes on."""

    def start(self, planned: PlannedCell) -> None: ...

    def tick(self, cell: Cell) -> None:
        """One more state of one of the cell's batches."""

    def reach(self, cell: Cell, n: int) -> None:
        """So many of the cell's samples are finished."""

    def finish(self, planned: PlannedCell, row: Row) -> None: ...

    def wait(self, cells: Sequence[PlannedCell], holder: str) -> None:
        """Only cells are left that others are at."""


def prepare(plan: Plan, store: Store) -> None:
    """Make the directories that are written to. UsageError where that cannot be done."""
    store.prepare()
    for saver in {planned.cell.save for planned in plan.cells if planned.cell.save}:
        saver.prepare()


def load_models(plan: Plan, executor: Executor, timeout: float | None = None) -> None:
    """Load the models of what is to do, where they will run. UsageError where one cannot be loaded."""
    Dispatcher(executor, plan.isolated).load([planned.cell for planned in plan.to_do], timeout)


def run_sweep(
    plan: Plan,
    store: Store,
    executor: Executor,
    watcher: Watcher,
    *,
    timeout: float | None = None,
    count: int = SHARDS,
    exclusive: bool = False,
) -> Iterator[Row]:
    """Yield the row of every cell, those in order that no other process is at; each is in the store by then.

    timeout: seconds for one cell. count: shards of a cell. exclusive: nothing of benchbox runs beside a cell on its
    device. Interrupted where a stop was asked for.
    """
    if plan.configuration is not None:
        with store.writing():
            plan = replace(plan, sweep=save_configuration(plan.configuration, store.directory))
    limits = TaskLimits(timeout, exclusive, plan.isolated)
    with Leases(store.directory) as leases:
        leases.live()  # the files of dead ones are removed
        yield from Sweep(plan, store, executor, watcher, leases, limits, count).rows()


@dataclass
class Sweep:
    """A sweep under way: cells leased, their shards submitted in order and taken in order."""

    plan: Plan
    store: Store
    executor: Executor
    watcher: Watcher
    leases: Leases
    limits: TaskLimits
    count: int = SHARDS
    began: str = field(default_factory=now)
    elsewhere: list[PlannedCell] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tasks = Dispatcher(self.executor, self.plan.isolated)

    @property
    def window(self) -> int:
        """How many shards are submitted at once."""
        n = self.executor.at_once(self.limits.exclusive)
        return 1 if n == 1 else 2 * n

    def rows(self) -> Iterator[Row]:
        """The cells' rows; those that another process has a lease on come last, once it has let go of them."""
        cells: Sequence[PlannedCell] = self.plan.cells
        while cells:
            self.elsewhere = []
            yield from self.pipeline(cells)
            if self.elsewhere and len(self.elsewhere) == len(cells):
                self.watcher.wait(cells, self.leases.holder(cells[0].cell.id) or "another process")
                interrupt.raise_if_stopped()
                time.sleep(LEASE_POLL)
            cells = self.elsewhere

    def pipeline(self, cells: Sequence[PlannedCell]) -> Iterator[Row]:
        """Keep a window of shards submitted; what comes back is taken in the order in which it was sent."""
        steps, pending = self.steps(cells), deque[tuple[CellRun, Future[ShardResult] | None]]()
        while True:
            while len(pending) < self.window and (step := next(steps, None)) is not None:
                run, shard = step
                pending.append((run, self.tasks.submit(run.sampling(), shard) if shard else None))
            if not pending:
                return
            run, future = pending.popleft()
            if run.over:
                continue
            if future is not None:
                run.add(self.tasks.outcome(future), self.tasks.do)
                self.note(run)
            if run.whole:
                run.over = True
                for other, later in pending:
                    if other is run and later is not None:
                        later.cancel()
                yield self.finish(run)
            interrupt.raise_if_stopped()

    def steps(self, cells: Sequence[PlannedCell]) -> Iterator[tuple[CellRun, Shard | None]]:
        for planned in cells:
            interrupt.raise_if_stopped()
            run = self.begin(planned)
            if run is None:
                self.elsewhere.append(planned)
                continue
            if run.whole:
                yield run, None
                continue
            for shard in shards(run.cell, run.first, self.count):
                if run.over:
                    break
                yield run, shard

    def begin(self, planned: PlannedCell) -> CellRun | None:
        """The cell's run, leased where there is something to do; None where another process has the cell."""
        cell = planned.cell
        if planned.n_left or planned.todo == "metrics":
            if not self.leases.take(cell.id):
                return None
            planned = self.still(planned)
        self.watcher.start(planned)
        run = CellRun(planned, self.limits, lambda: self.watcher.tick(cell))
        if not (self.plan.force or run.whole):
            self.go_on(run, earlier(cell, planned.metrics, self.store, planned.most_kept))
        return run

    def still(self, planned: PlannedCell) -> PlannedCell:
        """What is left to do for a cell that is leased now: another process may have been at it since the plan."""
        row = self.store.get(planned.cell.id)
        if row is not None and (row["started_at"] or "") >= self.began:
            return replace(planned, todo="done", row=row)  # finished in the meantime, well or not
        if self.plan.force or row == planned.row:
            return planned
        return with_kept(plan_cell(planned.cell, row), self.store)

    def go_on(self, run: CellRun, part: ShardResult | None) -> None:
        """Start from what the metrics saw in an earlier run, where they can."""
        if part is None:
            return
        run.start(part)
        check = self.tasks.do(run.task(CheckStates), run.total)
        if check.report["status"] != "done":
            run.total, run.first = None, 0
            self.store.problems.append(
                f"the kept statistics of metric {check.report.get('metric')} were left out: {check.report['reason']}."
            )

    def note(self, run: CellRun) -> None:
        """Keep what the metrics have seen so far; a killed sweep goes on from there."""
        self.watcher.reach(run.cell, run.n)
        if run.total is not None and not run.whole:
            save_progress(run.cell, run.metrics, self.store, run.total)

    def finish(self, run: CellRun) -> Row:
        """Make the row, store it, and release the cell."""
        cell, planned = run.cell, run.planned
        if planned.todo == "done":
            row = planned.row if planned.row and not cell.skip else blank(cell, lacking(cell.metrics, cell.model))
        else:
            row = self.made(run)
            self.put(run, row)
        self.store.drop_progress(cell.id)
        self.leases.release(cell.id)
        self.watcher.finish(planned, row)
        return row

    def made(self, run: CellRun) -> Row:
        """The row of a finished run; what was measured before stays in it."""
        origin = {"executor": self.executor.name, "command": self.plan.command, "sweep": self.plan.sweep}
        row = run.row(self.tasks.do) | origin
        row["reason"] = row["reason"] and printable(row["reason"])
        if self.executor.workers > 1 and not self.limits.exclusive:
            row["timing_valid"] = False
        old = run.planned.row
        return with_metrics(old, row) if old and row["status"] == "done" else row

    def put(self, run: CellRun, row: Row) -> None:
        """Store what a row's metrics have seen, then the row. One that is done stays where this one is not."""
        cell, done = run.cell, row["status"] == "done"
        if done and run.total is not None:
            kept = run.kept()
            self.store.keep({state_key(cell, m): kept[label] for label, m in run.metrics.items() if label in kept})
        before = None if done else self.store.get(cell.id)
        if before is None or before["status"] != "done":
            self.store.put(row)
        self.store.put_details(cell.id, run.details)
