"""A Ray cluster as one executor uses it: tasks out, futures back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchbox.bench.shard_result import ShardResult
from benchbox.clusters.connection import connect, library
from benchbox.clusters.demand import Amounts, alone, fitting, room
from benchbox.clusters.parcel import Answer, Parcel
from benchbox.clusters.place import Limits, perform
from benchbox.errors import sentence
from benchbox.executor import Lost
from benchbox.workers.ending import STOPPED

NAMES = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}
"""Ray's names of amounts, and of the options that ask for them; `resources` is for the others."""


@dataclass(eq=False)
class Errand:
    """A task under way, and whom to tell."""

    future: Future[ShardResult]
    tick: Callable[[], None]

    def done(self, answer: Answer) -> None:
        for _ in range(answer.ticks):
            self.tick()
        try:
            part = answer.open()
        except Lost as lost:
            self.future.set_exception(lost)
        else:
            self.future.set_result(part)


class Session:
    """Tasks that ask for `wanted`; one whose machine dies is done again, at most `retries` times.

    UsageError where the cluster cannot be joined, or where none of its machines holds such a task.
    """

    def __init__(self, address: str | None, wanted: Amounts, memory_gb: float | None, retries: int) -> None:
        self.wanted, self.memory_gb, self.retries = wanted, memory_gb, retries
        self.joined, self.ray = connect(address), library()
        self.lock, self.errands = threading.Lock(), dict[Any, Errand]()
        try:
            fitting(self.machines(), wanted)
        except BaseException:
            self.close()
            raise
        # max_calls=0: a process that had a GPU stays, with its models; its worker changes when its GPU does
        self.perform = self.ray.remote(max_calls=0)(perform)

    def machines(self) -> list[Amounts]:
        """What each machine has, of those that are alive."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    @property
    def workers(self) -> int:
        """How many tasks the cluster holds at once."""
        return max(sum(room(machine, self.wanted) for machine in self.machines()), 1)

    def submit(self, task: Callable[[Any], Any], given: Any) -> Future[ShardResult]:
        errand = Errand(Future(), getattr(task, "tick", lambda: None))
        errand.future.set_running_or_notify_cancel()
        try:
            ref = self.send(Parcel.of(task, given), getattr(task, "exclusive", False))
        except Lost as lost:
            errand.future.set_exception(lost)
            return errand.future
        with self.lock:
            self.errands[ref] = errand
        ref.future().add_done_callback(partial(self.receive, ref))
        return errand.future

    def send(self, parcel: Parcel, exclusive: bool) -> Any:
        machines = self.machines()
        wanted = alone(machines, self.wanted) if exclusive else self.wanted
        limits = Limits(
            max(int(self.wanted["CPU"]), 1), self.memory_gb, max((room(m, wanted) for m in machines), default=1) or 1
        )
        options = {option: wanted[name] for name, option in NAMES.items() if name in wanted}
        others = {name: amount for name, amount in wanted.items() if name not in NAMES}
        ready = self.perform.options(
            **options, resources=others, max_retries=self.retries, name=f"benchbox {parcel.task.key}".strip()
        )
        return ready.remote(parcel, limits)

    def receive(self, ref: Any, answer: Future[Answer]) -> None:
        """Tell who asked, unless the session was closed before."""
        with self.lock:
            errand = self.errands.pop(ref, None)
        if errand is None:
            return
        try:
            errand.done(answer.result())
        except Exception as error:
            errand.future.set_exception(self.lost(error))

    def lost(self, error: Exception) -> Lost:
        """What became of a task that gave no answer."""
        kinds = self.ray.exceptions
        if isinstance(error, kinds.OutOfMemoryError):
            return Lost("oom", "Ray ended its process, because the memory of its machine ran out", str(error))
        if isinstance(error, kinds.TaskCancelledError):
            return Lost(*STOPPED)
        if isinstance(error, kinds.RayTaskError):
            return Lost("failed", f"it could not be begun on its machine: {sentence(error.cause)}", str(error))
        times = f"{self.retries + 1} times" if self.retries else "once"
        return Lost(
            "failed", f"the machine or the Ray process that had it died, {times} ({sentence(error)})", str(error)
        )

    def close(self) -> None:
        """End what runs; its futures raise Lost. Leave the cluster, if this session joined it."""
        with self.lock:
            left, self.errands = self.errands, {}
        for ref in left:
            self.ray.cancel(ref, force=True)
        for errand in left.values():
            errand.future.set_exception(Lost(*STOPPED))
        if self.joined:
            self.ray.shutdown()
