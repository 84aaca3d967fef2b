"""A task in a Ray process: it runs in a worker process, as with the local executor.

So a crash, a hang or too much memory gives the same status everywhere. Ray only places tasks, and repeats those of a
machine that died. No process of Ray unpickles a plugin.
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
"""Seconds for Ray to end this process, if it has just killed the worker because the machine is lost."""

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable by which Ray assigns GPUs to a task."""


@dataclass(frozen=True)
class WorkerLimits:
    """Limits of a worker process: threads, and GiB of memory (None: the machine's, divided by `sharers`)."""

    threads: int
    memory_gb: float | None
    sharers: int

    def bytes(self) -> int:
        return int(SHARE * available() / self.sharers if self.memory_gb is None else self.memory_gb * GIB)


@dataclass(frozen=True)
class RemoteResult:
    """The task's ticks, and its result, or the status, reason and details of its loss."""

    ticks: int
    result: bytes = b""
    lost: tuple[str, str, str] | None = None

    def open(self) -> ShardResult:
        """The result. Lost where the task was lost."""
        if self.lost:
            raise Lost(*self.lost)
        return ShardResult.from_bytes(self.result)


class RemoteWorker:
    """The worker of a Ray process; it is kept, with its loaded models, for later tasks that may share it."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.terms: object = None

    @property
    def was_killed(self) -> bool:
        """Whether its worker was killed by SIGKILL."""
        return self.worker is not None and self.worker.status == -signal.SIGKILL

    def take(self, message: TaskMessage, limits: WorkerLimits) -> Worker:
        """The present worker, or a new one: a process keeps the GPUs that it was started with."""
        terms = (os.environ.get(VISIBLE), limits)
        if self.worker and not (self.worker.usable and self.worker.fits(message) and terms == self.terms):
            self.worker.close()
            self.worker = None
        if self.worker is None:
            self.worker, self.terms = Worker(message.packages, limits.threads, limits.bytes()), terms
        return self.worker


remote_worker = RemoteWorker()


def perform_remotely(message: TaskMessage, limits: WorkerLimits) -> RemoteResult:
    """Run a task: the function that Ray calls on the chosen machine."""
    ticks: list[None] = []
    try:
        result = remote_worker.take(message, limits).run(message, lambda: ticks.append(None))
    except Lost as lost:
        if remote_worker.was_killed:
            time.sleep(SETTLE)  # Ray notices a lost machine, and retries the task
        return RemoteResult(len(ticks), lost=(lost.status, lost.reason, lost.details))
    return RemoteResult(len(ticks), result.to_bytes())
