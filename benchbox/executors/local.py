"""Run in this process, one task after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from benchbox.executor import Executor


@dataclass(frozen=True)
class Local(Executor):
    """This process; a task runs when it is submitted."""

    name = "local"

    @property
    def workers(self) -> int:
        return 1

    def submit(self, task: Callable[[Any], Any], shard: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(task(shard))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self) -> None:
        pass
