"""A task on its way to a worker process."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchbox.errors import sentence
from benchbox.executor import Lost
from benchbox.workers.wire import TASK, frame


@dataclass(frozen=True)
class Job:
    """A task and what it is given, pickled apart, and what it has in common with others: its cell, else itself."""

    task: Callable[[Any], Any]
    pickled: bytes
    given: bytes
    cell: bytes

    @classmethod
    def of(cls, task: Callable[[Any], Any], given: Any) -> Job:
        """Lost where it cannot be pickled."""
        try:
            return cls(task, *map(pickle.dumps, (task, given, getattr(task, "cell", task))))
        except Exception as error:  # an option of a plugin may be anything
            raise Lost("failed", f"it cannot be handed to a worker process: {sentence(error)}") from error

    @property
    def key(self) -> str:
        """The packages of others whose code runs."""
        return str(getattr(self.task, "key", ""))

    @property
    def timeout(self) -> float | None:
        """Seconds that it may take, once it is loaded."""
        timeout: float | None = getattr(self.task, "timeout", None)
        return timeout

    @property
    def message(self) -> memoryview:
        return memoryview(frame(TASK, pickle.dumps((type(self.task).__module__, self.pickled, self.given))))

    def tick(self, count: int) -> None:
        """Say that it got on, so many times."""
        if tick := getattr(self.task, "tick", None):
            for _ in range(count):
                tick()
