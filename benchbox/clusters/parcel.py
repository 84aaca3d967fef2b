"""A task on its way to another machine, and the answer on its way back: no plugin's pickle is opened on either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchbox.bench.shard_result import ShardResult
from benchbox.executor import Lost
from benchbox.workers.job import Job


@dataclass
class Label:
    """What is known of a task that stays pickled; it counts the ticks."""

    key: str
    timeout: float | None
    ticks: int = 0

    def tick(self) -> None:
        self.ticks += 1

    def __call__(self, given: Any) -> ShardResult:
        raise NotImplementedError("the task itself is in its parcel")


@dataclass(frozen=True)
class Parcel(Job):
    """A job that only the process which does it unpacks, so that none on the way imports what the task needs."""

    task: Label
    packed: bytes = b""

    @classmethod
    def of(cls, task: Callable[[Any], Any], given: Any) -> Parcel:
        job = Job.of(task, given)
        kept = {"task": Label(job.key, job.timeout), "given": b"", "packed": bytes(job.message)}
        return cls(**(vars(job) | kept))

    @property
    def message(self) -> memoryview:
        return memoryview(self.packed)


@dataclass(frozen=True)
class Answer:
    """How often the task ticked, and its part, or status, reason and details of why there is none."""

    ticks: int
    part: bytes = b""
    lost: tuple[str, str, str] | None = None

    def open(self) -> ShardResult:
        """Lost where the task was."""
        if self.lost:
            raise Lost(*self.lost)
        return ShardResult.from_bytes(self.part)
