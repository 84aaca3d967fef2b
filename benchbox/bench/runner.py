"""Run the cells of a sweep, skip what is done, and put every row away as soon as it is finished."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, Protocol

from benchbox.bench import interrupt
from benchbox.bench.cell import Cell
from benchbox.bench.job import Job
from benchbox.bench.plan import Todo, missing, most, todo, with_metrics
from benchbox.bench.resume import earlier, key, save
from benchbox.bench.row import blank, now
from benchbox.bench.shard_result import ShardResult
from benchbox.bench.task import SHARDS, Check, Load, Shard, Task, shards
from benchbox.errors import UsageError, sentence
from benchbox.executor import Executor, Lost
from benchbox.store.leases import Leases
from benchbox.store.paths import printable
from benchbox.store.store import Store

POLL = 0.2
"""Seconds between looks at whether a stop was asked for, while a task runs elsewhere."""

PATIENCE = 1.0
"""Seconds between looks at cells that another process is at."""


class Watcher(Protocol):
    """Who is told how a sweep goes on."""

    def start(self, cell: Cell, todo: Todo) -> None: ...

    def tick(self, cell: Cell) -> None:
        """One more state of one of the cell's batches."""

    def reach(self, cell: Cell, n: int) -> None:
        """So many of the cell's samples are finished."""

    def finish(self, cell: Cell, row: dict[str, Any], todo: Todo) -> None: ...

    def wait(self, cells: Sequence[Cell], holder: str) -> None:
        """Only cells are left that others are at."""


def load(cells: Sequence[Cell], executor: Executor, timeout: float | None = None) -> None:
    """Load every model of the cells once, where they will run. UsageError where one cannot be loaded."""
    first = {(c.model, c.device, c.dtype): c for c in reversed(cells) if not c.skip}
    for cell in first.values():
        try:
            task = Load(cell, timeout=timeout, isolated=any_isolated(cells, executor))
            report = result(executor.submit(task, None)).report
        except Lost:
            continue  # a crash, or a hang, is the cells' own, each in its turn
        if report["status"] == "refused":
            raise UsageError(report["reason"])


def any_isolated(cells: Iterable[Cell], executor: Executor) -> bool:
    """Whether a cell runs isolated, and so all of them do: the sweep's own process has imported plugins of others."""
    return any(executor.isolated(Load(cell)) for cell in cells if not cell.skip)


def result(future: Future[ShardResult]) -> ShardResult:
    """What a task gives. Interrupted where a stop is asked for before."""
    while not wait([future], timeout=POLL).done:
        interrupt.check()
    return future.result()


def run_sweep(
    cells: Sequence[Cell],
    store: Store,
    executor: Executor,
    watcher: Watcher,
    force: bool = False,
    timeout: float | None = None,
    count: int = SHARDS,
    exclusive: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield the row of every cell, those in order that no other process is at; each is in the store by then.

    timeout: seconds for one cell. count: shards of a cell. exclusive: nothing of benchbox runs beside a cell on its
    device. Interrupted where a stop was asked for.
    """
    with Leases(store.directory) as leases:
        leases.live()  # the files of dead ones are removed
        yield from Sweep(store, executor, watcher, leases, force, timeout, count, exclusive).rows(cells)


def measure(cell: Cell, timeout: float | None = None) -> dict[str, Any]:
    """Run a cell in this process and return its row; whatever goes wrong is a status with a reason."""
    job = Job(cell, cell.metrics, timeout=timeout)
    for shard in [] if cell.skip else shards(cell):
        job.add(job.sampling()(shard), lambda task, given: task(given))
        if job.over:
            break
    return job.row(lambda task, given: task(given))


class Sweep:
    """A sweep under way: cells leased, their shards submitted in order and taken in order."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        watcher: Watcher,
        leases: Leases,
        force: bool,
        timeout: float | None,
        count: int,
        exclusive: bool,
    ) -> None:
        self.store, self.executor, self.watcher, self.leases = store, executor, watcher, leases
        self.force, self.timeout, self.count, self.exclusive = force, timeout, count, exclusive
        at_once = executor.at_once(exclusive)
        self.window = 1 if at_once == 1 else 2 * at_once
        self.isolated, self.began = False, now()
        self.elsewhere: list[Cell] = []

    def rows(self, cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
        """The cells' rows; those that another process has a lease on come last, once it has let go of them."""
        self.isolated = any_isolated(cells, self.executor)
        while cells:
            self.elsewhere = []
            yield from self.pipeline(cells)
            if self.elsewhere and len(self.elsewhere) == len(cells):
                self.watcher.wait(cells, self.leases.holder(cells[0].id) or "another process")
                interrupt.check()
                time.sleep(PATIENCE)
            cells = self.elsewhere

    def pipeline(self, cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
        """Keep a window of shards submitted; what comes back is taken in the order in which it was sent."""
        steps, pending = self.steps(cells), deque[tuple[Job, Future[ShardResult] | None]]()
        while True:
            while len(pending) < self.window and (step := next(steps, None)) is not None:
                job, shard = step
                pending.append((job, self.submit(job.sampling(), shard) if shard else None))
            if not pending:
                return
            job, future = pending.popleft()
            if job.over:
                continue
            if future is not None:
                job.add(self.outcome(future), self.do)
                self.note(job)
            if job.whole:
                job.over = True
                for other, later in pending:
                    if other is job and later is not None:
                        later.cancel()
                yield self.finish(job)
            interrupt.check()

    def steps(self, cells: Sequence[Cell]) -> Iterator[tuple[Job, Shard | None]]:
        for cell in cells:
            interrupt.check()
            job = self.begin(cell)
            if job is None:
                self.elsewhere.append(cell)
                continue
            if job.whole:
                yield job, None
                continue
            for shard in shards(cell, job.first, self.count):
                if job.over:
                    break
                yield job, shard

    def begin(self, cell: Cell) -> Job | None:
        """The cell's job, its lease taken where there is something to do; None where another process has it."""
        what = todo(cell, self.store, self.force)
        if not cell.skip and what != "done":
            if not self.leases.take(cell.id):
                return None
            what = todo(cell, self.store, self.force)  # it may have been finished in the meantime
            row = self.store.get(cell.id)
            if row is not None and (row["started_at"] or "") >= self.began:
                what = "done"  # by another process, well or not
        old = None if what == "run" else self.store.get(cell.id)
        self.watcher.start(cell, what)
        wanted = None if old is None else missing(cell, old)
        metrics = tuple(m for m in cell.metrics if wanted is None or m.name in wanted)
        tick = partial(self.watcher.tick, cell)
        job = Job(cell, metrics, what, old, self.timeout, self.exclusive, tick, self.isolated)
        if not (self.force or job.whole):
            self.go_on(job, earlier(cell, metrics, self.store, most(cell, what)))
        return job

    def go_on(self, job: Job, part: ShardResult | None) -> None:
        """Start from what the metrics saw in an earlier run, where they can."""
        if part is None:
            return
        job.start(part)
        check = self.do(job.task(Check), job.total)
        if check.report["status"] != "done":
            job.total, job.first = None, 0
            self.store.problems.append(
                f"the kept statistics of metric {check.report.get('metric')} were left out: {check.report['reason']}."
            )

    def submit(self, task: Task, given: Any) -> Future[ShardResult]:
        try:
            return self.executor.submit(task, given)
        except Exception as error:  # it cannot be pickled
            failed: Future[ShardResult] = Future()
            failed.set_exception(Lost("failed", sentence(error)))
            return failed

    def outcome(self, future: Future[ShardResult]) -> ShardResult:
        try:
            return result(future)
        except Lost as lost:
            return ShardResult({"status": lost.status, "reason": lost.reason, "details": lost.details})
        except interrupt.Interrupted:
            raise
        except Exception as error:  # of the executor itself
            return ShardResult({"status": "failed", "reason": sentence(error)})

    def do(self, task: Task, given: Any) -> ShardResult:
        """A task that is no sampling: here, unless there is the code of others."""
        return self.outcome(self.submit(task, given)) if self.executor.isolated(task) else task(given)

    def note(self, job: Job) -> None:
        """Keep what the metrics have seen so far; a killed sweep goes on from there."""
        self.watcher.reach(job.cell, job.n)
        if job.total is not None and not job.whole:
            save(job.cell, job.metrics, self.store, job.total)

    def put(self, job: Job, row: dict[str, Any]) -> None:
        """Put away what a row's metrics have seen, then the row. One that is done stays where this one is not."""
        cell, done = job.cell, row["status"] == "done"
        if done and job.total is not None:
            kept = job.kept()
            self.store.keep({key(cell, m): kept[m.name] for m in job.metrics if m.name in kept})
        before = None if done else self.store.get(cell.id)
        if before is None or before["status"] != "done":
            self.store.put(row)
        self.store.put_details(cell.id, job.details)

    def finish(self, job: Job) -> dict[str, Any]:
        """Make the row, put it away, and let go of the cell."""
        cell = job.cell
        if job.what == "done":
            row = job.old if job.old is not None and not cell.skip else blank(cell, cell.metrics)
        else:
            row = job.row(self.do) | {"executor": self.executor.name}
            row["reason"] = row["reason"] and printable(row["reason"])
            if self.executor.workers > 1 and not self.exclusive:
                row["timing_valid"] = False
            self.put(job, row := with_metrics(job.old, row) if job.old and row["status"] == "done" else row)
        self.store.drop_progress(cell.id)
        self.leases.release(cell.id)
        self.watcher.finish(cell, row, job.what)
        return row
