"""What a Ray process does with a task: it hands it to a worker process of its own, as an executor on one machine does.

So a crash, a hang or too much memory ends in the same status everywhere, and Ray is left with what it is there for:
placing tasks, and doing again those of a machine that died.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from benchbox.clusters.parcel import Answer, Parcel
from benchbox.executor import Lost
from benchbox.workers.memory import available
from benchbox.workers.pool import SHARE
from benchbox.workers.process import GIB, Worker

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Where Ray says which GPUs a task has."""


@dataclass(frozen=True)
class Limits:
    """Of a worker process: threads, and GiB of memory; by default the machine's, shared among so many."""

    threads: int
    memory_gb: float | None
    sharers: int

    def bytes(self) -> int:
        return int(SHARE * available() / self.sharers if self.memory_gb is None else self.memory_gb * GIB)


class Place:
    """A Ray process: it keeps its worker, with the models that this one has loaded, for tasks that may share it."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.terms: object = None

    def take(self, parcel: Parcel, limits: Limits) -> Worker:
        """The worker that is there, or one in its place: a process keeps the GPUs that it was started with."""
        terms = (os.environ.get(VISIBLE), limits)
        if self.worker and not (self.worker.usable and self.worker.fits(parcel) and terms == self.terms):
            self.worker.close()
            self.worker = None
        if self.worker is None:
            self.worker, self.terms = Worker(parcel.key, limits.threads, limits.bytes()), terms
        return self.worker


place = Place()


def perform(parcel: Parcel, limits: Limits) -> Answer:
    """Do the task: the function that Ray runs on the machine that it chose."""
    try:
        part = place.take(parcel, limits).run(parcel)
    except Lost as lost:
        return Answer(parcel.task.ticks, lost=(lost.status, lost.reason, lost.details))
    return Answer(parcel.task.ticks, part.to_bytes())
