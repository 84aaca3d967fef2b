"""What a Ray process does with a task: it hands it to a worker process of its own, as an executor on one machine does.

So a crash, a hang or too much memory ends in the same status everywhere, and Ray is left with what it is there for:
placing tasks, and doing again those of a machine that died. No plugin's pickle is opened in a process of Ray.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from benchbox.bench.shard_result import ShardResult
from benchbox.executor import Lost
from benchbox.workers.memory import available
from benchbox.workers.pool import SHARE
from benchbox.workers.process import GIB, Worker
from benchbox.workers.wire import TaskMessage

SETTLE = 1.0
"""Seconds in which Ray ends this process, where it has just killed the worker since the machine is lost."""

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Where Ray says which GPUs a task has."""


@dataclass(frozen=True)
class WorkerLimits:
    """Of a worker process: threads, and GiB of memory; by default the machine's, shared among so many."""

    threads: int
    memory_gb: float | None
    sharers: int

    def bytes(self) -> int:
        return int(SHARE * available() / self.sharers if self.memory_gb is None else self.memory_gb * GIB)


@dataclass(frozen=True)
class RemoteResult:
    """How often the task ticked, and its result, or status, reason and details of why there is none."""

    ticks: int
    result: bytes = b""
    lost: tuple[str, str, str] | None = None

    def open(self) -> ShardResult:
        """Lost where the task was."""
        if self.lost:
            raise Lost(*self.lost)
        return ShardResult.from_bytes(self.result)


class RemoteWorker:
    """The worker of a Ray process, kept with the models that it has loaded for tasks that may share it."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.terms: object = None

    @property
    def was_killed(self) -> bool:
        """Whether its worker was ended by SIGKILL."""
        return self.worker is not None and self.worker.status == -signal.SIGKILL

    def take(self, message: TaskMessage, limits: WorkerLimits) -> Worker:
        """The worker that is there, or one in its place: a process keeps the GPUs that it was started with."""
        terms = (os.environ.get(VISIBLE), limits)
        if self.worker and not (self.worker.usable and self.worker.fits(message) and terms == self.terms):
            self.worker.close()
            self.worker = None
        if self.worker is None:
            self.worker, self.terms = Worker(message.packages, limits.threads, limits.bytes()), terms
        return self.worker


remote_worker = RemoteWorker()


def perform_remotely(message: TaskMessage, limits: WorkerLimits) -> RemoteResult:
    """Do the task: the function that Ray runs on the machine that it chose."""
    ticks: list[None] = []
    try:
        result = remote_worker.take(message, limits).run(message, lambda: ticks.append(None))
    except Lost as lost:
        if remote_worker.was_killed:
            time.sleep(SETTLE)  # a lost machine is for Ray to see: it retries the task
        return RemoteResult(len(ticks), lost=(lost.status, lost.reason, lost.details))
    return RemoteResult(len(ticks), result.to_bytes())
