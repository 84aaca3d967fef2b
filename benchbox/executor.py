"""Executors: where the work of a cell runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar, Protocol


class Lost(Exception):
    """A task whose process, machine or time came to an end before it did; `status` is that of its cell's row.

    `status` is "failed", "timeout" or "oom"; `details` what goes into the side file, such as the last words on stderr.
    """

    def __init__(self, status: str, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.status, self.reason, self.details = status, reason, details


class Executable(Protocol):
    """What an executor runs: a picklable task, called with its shard."""

    def __call__(self, shard: Any, /) -> Any: ...

    @property
    def packages(self) -> str:
        """The third-party packages whose code it runs, a comma list; a process serves tasks of the same ones only."""

    @property
    def isolated(self) -> bool:
        """Whether it is to run isolated whatever its packages: its sweep has imported the code of others."""

    @property
    def group(self) -> object:
        """Tasks of one group may share a process that one of them has changed: those of one cell."""

    @property
    def device(self) -> str:
        """The device that it computes on."""

    @property
    def exclusive(self) -> bool:
        """Whether nothing is to run beside it on its device."""

    @property
    def timeout(self) -> float | None:
        """Seconds that it may take, once it is loaded."""

    @property
    def tick(self) -> Callable[[], None]:
        """To be called, where it was submitted, each time that it has got on."""


class Executor(ABC):
    """Runs picklable tasks on shards of a cell; a frozen dataclass whose fields are its options."""

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many tasks run at once."""

    @abstractmethod
    def submit(self, task: Executable, shard: Any) -> Future[Any]:
        """Run task(shard), now or later. The future raises Lost where the task's process or machine was."""

    @abstractmethod
    def shutdown(self) -> None:
        """Give back what the executor holds; tasks that still run are ended."""

    def isolated(self, task: Executable) -> bool:
        """Whether a task must not run in the caller's process: by default where code of other packages is involved."""
        return task.isolated or task.packages != ""

    def at_once(self, exclusive: bool) -> int:
        """How many tasks to expect at once; with `exclusive`, of tasks that each have a device alone."""
        return self.workers
