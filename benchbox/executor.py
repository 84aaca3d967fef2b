"""Executors: where the work of a cell runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar, Protocol


class Lost(Exception):
    """A task did not finish: its process or machine died, or its time ran out.

    status: of its cell's row, "failed", "timeout" or "oom". details: for the side file, such as the end of stderr.
    """

    def __init__(self, status: str, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.status, self.reason, self.details = status, reason, details


class Executable(Protocol):
    """A picklable task, called with its shard."""

    def __call__(self, shard: Any, /) -> Any: ...

    @property
    def packages(self) -> str:
        """The third-party packages whose code it runs, a comma list; a process runs tasks of the same ones only."""

    @property
    def isolated(self) -> bool:
        """Whether it must run isolated whatever its packages, because its sweep has imported external code."""

    @property
    def group(self) -> object:
        """Its cell; only tasks of one group may share a process whose global state one of them has changed."""

    @property
    def device(self) -> str:
        """The device that it computes on."""

    @property
    def exclusive(self) -> bool:
        """Whether no other task may run on its device meanwhile."""

    @property
    def timeout(self) -> float | None:
        """Seconds that it may take after its model is loaded."""

    @property
    def tick(self) -> Callable[[], None]:
        """Called in the submitting process each time that it makes progress."""


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
        """Run task(shard), now or later. The future raises Lost where the task did not finish."""

    @abstractmethod
    def shutdown(self) -> None:
        """Release all resources; running tasks are terminated."""

    def isolated(self, task: Executable) -> bool:
        """Whether a task must not run in the caller's process: by default where it runs code of other packages."""
        return task.isolated or task.packages != ""

    def at_once(self, exclusive: bool) -> int:
        """How many tasks run at once; exclusive: of tasks that do not share their device."""
        return self.workers
