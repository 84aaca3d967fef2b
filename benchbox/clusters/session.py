"""The use of a Ray cluster by one executor: submitted tasks and their futures."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchbox.bench.shard_result import ShardResult
from benchbox.clusters.connection import connect, library
from benchbox.clusters.demand import Amounts, alone, fitting, room
from benchbox.clusters.remote import RemoteResult, WorkerLimits, perform_remotely
from benchbox.errors import sentence
from benchbox.executor import Executable, Lost
from benchbox.workers.ending import STOPPED
from benchbox.workers.wire import TaskMessage

RAY_OPTIONS = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}
"""Ray's names of resources, and of the options that request them; custom ones are in `resources`."""


@dataclass(eq=False)
class PendingTask:
    """A submitted task and its future."""

    task: Executable
    future: Future[ShardResult]

    def finish(self, remote: RemoteResult) -> None:
        for _ in range(remote.ticks):
            self.task.tick()
        try:
            result = remote.open()
        except Lost as lost:
            self.future.set_exception(lost)
        else:
            self.future.set_result(result)


class Session:
    """Runs tasks that request `wanted`; one whose machine dies is repeated, at most `retries` times.

    UsageError where the cluster cannot be joined, or none of its machines holds such a task.
    """

    def __init__(self, address: str | None, wanted: Amounts, memory_gb: float | None, retries: int) -> None:
        self.wanted, self.memory_gb, self.retries = wanted, memory_gb, retries
        self.joined, self.ray = connect(address), library()
        self.lock, self.pending = threading.Lock(), dict[Any, PendingTask]()
        try:
            fitting(self.machines(), wanted)
        except BaseException:
            self.close()
            raise
        # max_calls=0: a process with a GPU is kept, with its models; its worker is replaced when its GPU changes
        self.perform = self.ray.remote(max_calls=0)(perform_remotely)

    def machines(self) -> list[Amounts]:
        """The resources of each machine that is alive."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    @property
    def workers(self) -> int:
        """The number of tasks that the cluster holds at once."""
        return max(sum(room(machine, self.wanted) for machine in self.machines()), 1)

    def submit(self, task: Executable, shard: Any) -> Future[ShardResult]:
        future: Future[ShardResult] = Future()
        future.set_running_or_notify_cancel()
        try:
            ref = self.send(TaskMessage.of(task, shard), task.exclusive)
        except Lost as lost:
            future.set_exception(lost)
            return future
        with self.lock:
            self.pending[ref] = PendingTask(task, future)
        ref.future().add_done_callback(partial(self.receive, ref))
        return future

    def send(self, message: TaskMessage, exclusive: bool) -> Any:
        machines = self.machines()
        wanted = alone(machines, self.wanted) if exclusive else self.wanted
        limits = WorkerLimits(
            max(int(self.wanted["CPU"]), 1), self.memory_gb, max((room(m, wanted) for m in machines), default=1) or 1
        )
        options = {option: wanted[name] for name, option in RAY_OPTIONS.items() if name in wanted}
        others = {name: amount for name, amount in wanted.items() if name not in RAY_OPTIONS}
        ready = self.perform.options(
            **options, resources=others, max_retries=self.retries, name=f"benchbox {message.packages}".strip()
        )
        return ready.remote(message, limits)

    def receive(self, ref: Any, remote: Future[RemoteResult]) -> None:
        """Finish the future, unless the session was closed before."""
        with self.lock:
            pending = self.pending.pop(ref, None)
        if pending is None:
            return
        try:
            pending.finish(remote.result())
        except Exception as error:
            pending.future.set_exception(self.lost(error))

    def lost(self, error: Exception) -> Lost:
        """The error for a task without a result."""
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
            left, self.pending = self.pending, {}
        for ref in left:
            self.ray.cancel(ref, force=True)
        for pending in left.values():
            pending.future.set_exception(Lost(*STOPPED))
        if self.joined:
            self.ray.shutdown()
