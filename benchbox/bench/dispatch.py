"""Tasks given to an executor, and what comes back: a lost process is a result with a status, an interrupt is raised."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any

from benchbox.bench import interrupt
from benchbox.bench.cell import Cell
from benchbox.bench.shard_result import ShardResult
from benchbox.bench.task import LoadModel, Task
from benchbox.bench.worker_warnings import tell
from benchbox.errors import UsageError, sentence
from benchbox.executor import Executor, Lost

POLL = 0.2
"""Seconds between looks at whether a stop was asked for, while a task runs elsewhere."""


@dataclass(frozen=True)
class Dispatcher:
    """Runs the tasks of a sweep by an executor; isolated: none of them in the calling process."""

    executor: Executor
    isolated: bool

    def load(self, cells: Iterable[Cell], timeout: float | None = None) -> None:
        """Load every model of the cells once, where they will run. UsageError where one cannot be loaded."""
        for cell in {(c.model, c.device, c.dtype): c for c in cells if not c.skip}.values():
            try:
                said = result(
                    self.executor.submit(LoadModel(cell, timeout=timeout, isolated=self.isolated), None)
                ).report
            except Lost:
                continue  # a crash, or a hang, is the cells' own, each in its turn
            if said["status"] == "refused":
                raise UsageError(said["reason"])

    def submit(self, task: Task, given: Any) -> Future[ShardResult]:
        try:
            return self.executor.submit(task, given)
        except Exception as error:  # it cannot be pickled
            failed: Future[ShardResult] = Future()
            failed.set_exception(Lost("failed", sentence(error)))
            return failed

    def outcome(self, future: Future[ShardResult]) -> ShardResult:
        """What a submitted task gave, or why it gave nothing."""
        try:
            return result(future)
        except Lost as lost:
            return ShardResult({"status": lost.status, "reason": lost.reason, "details": lost.details})
        except interrupt.Interrupted:
            raise
        except Exception as error:  # of the executor itself
            return ShardResult({"status": "failed", "reason": sentence(error)})

    def do(self, task: Task, given: Any) -> ShardResult:
        """A task that makes no samples: here, unless the sweep is isolated."""
        return self.outcome(self.submit(task, given)) if self.executor.isolated(task) else task(given)


def result(future: Future[ShardResult]) -> ShardResult:
    """What a task gives; its warnings are shown here. Interrupted where a stop is asked for before."""
    while not wait([future], timeout=POLL).done:
        interrupt.raise_if_stopped()
    part = future.result()
    tell(part.report)
    return part
