"""Executors: where the work of a cell runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar


class Lost(Exception):
    """A task whose process, machine or time came to an end before it did; `status` is that of its cell's row.

    `status` is "failed", "timeout" or "oom"; `details` what goes into the side file, such as the last words on stderr.
    """

    def __init__(self, status: str, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.status, self.reason, self.details = status, reason, details


class Executor(ABC):
    """Runs picklable tasks on shards of a cell; a frozen dataclass whose fields are its options."""

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many tasks run at once."""

    @abstractmethod
    def submit(self, task: Callable[[Any], Any], shard: Any) -> Future[Any]:
        """Run task(shard), now or later. The future raises Lost where the task's process or machine was."""

    @abstractmethod
    def shutdown(self) -> None:
        """Give back what the executor holds; tasks that still run are ended."""
