"""Execute the plan of a sweep: lease each cell, run its shards, and store its row as soon as it is finished."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from benchbox.bench.cell_run import CellRun, TaskLimits
from benchbox.bench.dispatch import Dispatcher
from benchbox.bench.plan import Plan, PlannedCell, Row, Watcher, plan_cell, with_kept
from benchbox.bench.request import save_configuration
from benchbox.bench.resume import resumable, save_progress
from benchbox.bench.row import initial_row, missing_metrics, now, with_metrics
from benchbox.bench.shard_result import SHARDS, Shard, ShardResult, shards
from benchbox.bench.task import CheckStates
from benchbox.executor import Executor
from benchbox.stopping import raise_if_stopped
from benchbox.store.leases import Leases
from benchbox.store.paths import printable
from benchbox.store.store import Store

LEASE_POLL = 1.0
"""Seconds between attempts to lease cells that another process holds."""


def prepare(plan: Plan, store: Store) -> None:
    """Make the directories for results and samples. UsageError where that fails."""
    store.prepare()
    for saver in {planned.cell.save for planned in plan.cells if planned.cell.save}:
        saver.prepare()


def run_sweep(
    plan: Plan, store: Store, executor: Executor, watcher: Watcher,
    *, timeout: float | None = None, count: int = SHARDS, exclusive: bool = False,
) -> Iterator[Row]:  # fmt: skip
    """Yield the row of every cell once it is stored: in order, but those last that another process holds.

    timeout: seconds for one cell. count: shards of a cell. exclusive: nothing of benchbox runs beside a cell on its
    device. Interrupted where a stop was requested.
    """
    if plan.configuration is not None:
        with store.writing():
            plan = replace(plan, sweep=save_configuration(plan.configuration, store.directory))
    limits = TaskLimits(timeout, exclusive, plan.isolated)
    with Leases(store.directory) as leases:
        leases.live()  # removes the files of dead processes
        yield from Sweep(plan, store, Dispatcher(executor), watcher, leases, limits, count).rows()


@dataclass
class Sweep:
    """A sweep under way: cells are leased, their shards submitted in order and collected in order."""

    plan: Plan
    store: Store
    tasks: Dispatcher
    watcher: Watcher
    leases: Leases
    limits: TaskLimits
    count: int = SHARDS
    began: str = field(default_factory=now)
    elsewhere: list[PlannedCell] = field(default_factory=list)
    waited: bool = False

    def rows(self) -> Iterator[Row]:
        """The rows of the cells; those that another process holds come last, once it has released them."""
        cells: Sequence[PlannedCell] = self.plan.cells
        while cells:
            self.elsewhere = []
            yield from self.pipeline(cells)
            if self.elsewhere and len(self.elsewhere) == len(cells):
                self.watcher.wait(cells, self.leases.holder(cells[0].cell.id) or "another process")
                raise_if_stopped()
                time.sleep(LEASE_POLL)
            cells, self.waited = self.elsewhere, True

    def pipeline(self, cells: Sequence[PlannedCell]) -> Iterator[Row]:
        """Keep a window of shards submitted; the results are collected in the order of submission."""
        workers = self.tasks.executor.at_once(self.limits.exclusive)
        window = 1 if workers == 1 else 2 * workers
        steps, pending = self.steps(cells), deque[tuple[CellRun, Future[ShardResult] | None]]()
        while True:
            while len(pending) < window and (step := next(steps, None)) is not None:
                run, shard = step
                pending.append((run, self.tasks.submit(run.sampling(), shard) if shard else None))
            if not pending:
                return
            run, future = pending.popleft()
            if run.over:
                continue
            if future is not None:
                self.collect(run, future)
            if run.complete:
                run.over = True
                for other, later in pending:
                    if other is run and later is not None:
                        later.cancel()
                yield self.finish(run)
            raise_if_stopped()

    def steps(self, cells: Sequence[PlannedCell]) -> Iterator[tuple[CellRun, Shard | None]]:
        """The shards to submit, each with its cell's run; None for a cell without samples to make."""
        for planned in cells:
            raise_if_stopped()
            run = self.begin(planned)
            if run is None:
                self.elsewhere.append(planned)
                continue
            if run.complete:
                yield run, None
                continue
            for shard in shards(run.cell, run.first, self.count):
                if run.over:
                    break
                yield run, shard

    def begin(self, planned: PlannedCell) -> CellRun | None:
        """The cell's run, leased where there is something to do; None where another process holds the cell."""
        cell = planned.cell
        if planned.n_left or planned.todo == "metrics":
            if not self.leases.take(cell.id):
                return None
            planned = self.replanned(planned)
        self.watcher.start(planned)
        run = CellRun(planned, self.limits, lambda: self.watcher.tick(cell))
        if planned.n_kept:
            self.resume(run)
        return run

    def replanned(self, planned: PlannedCell) -> PlannedCell:
        """A cell that is leased now, planned again where another process has worked on it since the plan was made."""
        row = self.store.own_row(planned.cell.id) or planned.row
        if row is not None and (row["started_at"] or "") >= self.began:
            return replace(planned, todo="done", row=row)  # finished in the meantime, whatever its status
        if self.plan.force or (row == planned.row and not self.waited):
            return planned
        return with_kept(plan_cell(planned.cell, row), self.store)

    def resume(self, run: CellRun) -> None:
        """Start from the samples of an earlier run, where there are some and the metrics can load their states."""
        earlier = resumable(run.cell, run.metrics, self.store, run.planned.most_kept)
        if earlier is None:
            return
        run.resume(earlier)
        report = self.tasks.do(run.task(CheckStates), earlier).report
        if report["status"] != "done":
            run.restart()
            problem = f"the stored state of metric {report.get('metric')} was left out: {report['reason']}."
            self.store.problems.append(problem)

    def collect(self, run: CellRun, future: Future[ShardResult]) -> None:
        """Merge the result of a shard, and store the progress: a killed sweep resumes from there."""
        run.add(self.tasks.outcome(future), self.tasks.do)
        self.watcher.reach(run.cell, run.n)
        if run.total is not None and not run.complete:
            save_progress(run.cell, run.metrics, self.store, run.total)

    def finish(self, run: CellRun) -> Row:
        """Make the row, store it, and release the cell."""
        cell, planned = run.cell, run.planned
        if planned.todo != "done":
            row = self.new_row(run)
            self.put(run, row)
        elif planned.row and not cell.skip:
            row = planned.row
        else:
            row = initial_row(cell, missing_metrics(cell.metrics, cell.model))
        self.store.drop_progress(cell.id)
        self.leases.release(cell.id)
        self.watcher.finish(planned, row)
        return row

    def new_row(self, run: CellRun) -> Row:
        """The row of a finished run, added to the stored row where only metrics were computed."""
        origin = {"executor": self.tasks.executor.name, "command": self.plan.command, "sweep": self.plan.sweep}
        row = run.row(self.tasks.do) | origin
        row["reason"] = row["reason"] and printable(row["reason"])
        if self.tasks.executor.workers > 1 and not self.limits.exclusive:
            row["timing_valid"] = False
        stored = run.planned.row
        return with_metrics(stored, row) if stored and row["status"] == "done" else row

    def put(self, run: CellRun, row: Row) -> None:
        """Store the metrics' states, then the row. A row that is done is not replaced by one that is not."""
        cell, done = run.cell, row["status"] == "done"
        if done and run.total is not None:
            self.store.keep(run.metric_states())
        stored = None if done else self.store.get(cell.id)
        if stored is None or stored["status"] != "done":
            self.store.put(row)
        self.store.put_details(cell.id, run.details)
