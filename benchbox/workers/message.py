"""A task on its way to a worker process or another machine: bytes, which only the process that does it unpickles."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from typing import Any

from benchbox.errors import sentence
from benchbox.executor import Executable, Lost
from benchbox.workers.wire import TASK, frame


@dataclass(frozen=True)
class TaskMessage:
    """The frame of a task, and what those on its way need to know: packages, timeout, and a hash of its group."""

    packages: str
    timeout: float | None
    group: bytes
    frame: bytes

    @classmethod
    def of(cls, task: Executable, shard: Any) -> TaskMessage:
        """Lost where it cannot be pickled."""
        try:
            pickled, argument, group = map(pickle.dumps, (task, shard, task.group))
        except Exception as error:  # an option of a plugin may be anything
            raise Lost("failed", f"it cannot be handed to a worker process: {sentence(error)}") from error
        data = frame(TASK, pickle.dumps((type(task).__module__, pickled, argument)))
        return cls(task.packages, task.timeout, hashlib.sha256(group).digest(), data)
