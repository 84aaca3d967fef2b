"""Run on this machine: in this process, or in worker processes of it."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchbox.executor import Executable, Executor

if TYPE_CHECKING:
    from benchbox.workers.pool import Pool


@dataclass(frozen=True)
class Local(Executor):
    """This machine. In worker processes where there are several, or limits, or code of other packages; else here.

    workers: processes at once. isolate: whether a task has a process of its own; by default where it runs the code of
    other packages. threads: of each process (by default this process's, shared among them). memory_gb: GiB that each
    may use (by default 90 % of what is free, shared among them).
    """

    name = "local"
    workers: int = 1
    isolate: bool | None = None
    threads: int | None = None
    memory_gb: float | None = None

    def __post_init__(self) -> None:
        for option in ("workers", "threads", "memory_gb"):
            value = getattr(self, option)
            if value is not None and value <= 0:
                raise ValueError(f"{option} is {value}: it must be above 0.")
        if self.workers == 1 and self.isolate is False and (self.threads or self.memory_gb):
            raise ValueError("threads and memory_gb are limits of a worker process, and isolate=false has none.")

    @cached_property
    def pool(self) -> Pool:
        from benchbox.workers.pool import Pool

        return Pool(self.workers, self.threads, self.memory_gb)

    def isolated(self, task: Executable) -> bool:
        return super().isolated(task) if self.isolate is None else self.isolate

    def at_once(self, exclusive: bool) -> int:
        return 1 if exclusive else self.workers

    def submit(self, task: Executable, shard: Any) -> Future[Any]:
        """In a worker process where it is isolated, or there are several or limits; else here, at once."""
        if self.isolated(task) or self.workers > 1 or self.threads or self.memory_gb:
            return self.pool.submit(task, shard)
        future: Future[Any] = Future()
        try:
            future.set_result(task(shard))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self) -> None:
        """End the worker processes; a task that is submitted later starts others."""
        pool = self.__dict__.pop("pool", None)
        if pool is not None:
            pool.shutdown()
