"""Executors: where the work of a cell runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar


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
        """Run task(shard), now or later."""

    @abstractmethod
    def shutdown(self) -> None:
        """Give back what the executor holds."""
