"""Tasks given to an executor, and their results: a lost process becomes a result with a status."""

from __future__ import annotations

from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any

from benchbox.bench.plan import Plan
from benchbox.bench.shard_result import ShardResult
from benchbox.bench.task import LoadModel, Task
from benchbox.bench.worker_warnings import WARNINGS_KEY, show_warnings
from benchbox.errors import UsageError, sentence
from benchbox.executor import Executor, Lost
from benchbox.stopping import Interrupted, raise_if_stopped

POLL = 0.2
"""Seconds between checks for Ctrl-C while a task runs in another process."""


@dataclass(frozen=True)
class Dispatcher:
    """Runs the tasks of a sweep by an executor."""

    executor: Executor

    def submit(self, task: Task, argument: Any) -> Future[ShardResult]:
        try:
            return self.executor.submit(task, argument)
        except Exception as error:  # it cannot be pickled
            failed: Future[ShardResult] = Future()
            failed.set_exception(Lost("failed", sentence(error)))
            return failed

    def outcome(self, future: Future[ShardResult]) -> ShardResult:
        """The result of a submitted task; one with a status and a reason where the task was lost."""
        try:
            return await_result(future)
        except Lost as lost:
            return ShardResult({"status": lost.status, "reason": lost.reason, "details": lost.details})
        except Interrupted:
            raise
        except Exception as error:  # in the executor itself
            return ShardResult({"status": "failed", "reason": sentence(error)})

    def do(self, task: Task, argument: Any) -> ShardResult:
        """Run a task that makes no samples: in this process, unless the sweep is isolated."""
        return self.outcome(self.submit(task, argument)) if self.executor.isolated(task) else task(argument)


def await_result(future: Future[ShardResult]) -> ShardResult:
    """The result of a task; its warnings are shown here. Interrupted where a stop was requested meanwhile."""
    while not wait([future], timeout=POLL).done:
        raise_if_stopped()
    result = future.result()
    if WARNINGS_KEY in result.report:
        show_warnings(result.report)
    return result


def load_models(plan: Plan, executor: Executor, timeout: float | None = None) -> None:
    """Load every model of the cells to do once, where it will run. UsageError where one cannot be loaded."""
    cells = [planned.cell for planned in plan.to_do if not planned.cell.skip]
    for cell in {(cell.model, cell.device, cell.dtype, cell.acceleration): cell for cell in cells}.values():
        task = LoadModel(cell, timeout=timeout, isolated=plan.isolated)
        try:
            report = await_result(executor.submit(task, None)).report
        except Lost:
            continue  # a crash or a timeout is reported when the cell runs
        if report["status"] == "refused":
            raise UsageError(report["reason"])
