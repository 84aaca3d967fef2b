"""Run on a Ray cluster: Ray places the tasks, has them wait for room, and does again those of a machine that died."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchbox.clusters.demand import Amounts, check_amounts, parse
from benchbox.errors import UsageError
from benchbox.executor import Executable, Executor

if TYPE_CHECKING:
    from benchbox.clusters.session import Session


@dataclass(frozen=True)
class Ray(Executor):
    """A Ray cluster (Moritz et al. 2018), whose machines have benchbox installed; alone, this machine.

    address: HOST:PORT of its head, auto for that of this machine, local for one of its own; by default $RAY_ADDRESS,
    else local. num_cpus, num_gpus, resources (NAME=AMOUNT:NAME=AMOUNT…): what each task asks for; it has num_cpus
    threads. memory_gb: GiB that it asks for and may use (by default 90 % of what is free, shared). retries: how often a
    task is done again whose machine died.
    """

    name = "ray"
    address: str | None = None
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    memory_gb: float | None = None
    resources: str = ""
    retries: int = 3

    def __post_init__(self) -> None:
        if self.num_cpus <= 0:
            raise ValueError(f"num_cpus is {self.num_cpus:g}: it must be above 0.")
        if self.memory_gb is not None and self.memory_gb <= 0:
            raise ValueError(f"memory_gb is {self.memory_gb:g}: it must be above 0.")
        if self.retries < 0:
            raise ValueError(f"retries is {self.retries}: it must be 0 or more.")
        check_amounts(self.demand)

    @property
    def demand(self) -> Amounts:
        """What a task asks for."""
        memory = {} if self.memory_gb is None else {"memory": float(int(self.memory_gb * 2**30))}
        return parse(self.resources) | {"CPU": self.num_cpus, "GPU": self.num_gpus} | memory

    @cached_property
    def session(self) -> Session:
        from benchbox.clusters.session import Session

        return Session(self.address, self.demand, self.memory_gb, self.retries)

    @property
    def workers(self) -> int:
        return self.session.workers

    def submit(self, task: Executable, shard: Any) -> Future[Any]:
        """UsageError where the task is for a device that Ray does not give it, or that no machine has."""
        device = task.device
        if device.startswith("cuda") and not self.num_gpus:
            raise UsageError("a cell on a GPU needs one from Ray: give --set ray.num_gpus=1.")
        if device.startswith("cuda:"):
            raise UsageError(f"Ray chooses the GPU of a cell: give --device cuda, not {device}.")
        if device == "cpu" and self.num_gpus:
            raise UsageError("a cell on the CPU would hold a GPU of Ray's: give --device cuda, or no ray.num_gpus.")
        return self.session.submit(task, shard)

    def shutdown(self) -> None:
        """End what runs, and leave the cluster; a task that is submitted later joins it again."""
        session = self.__dict__.pop("session", None)
        if session is not None:
            session.close()
