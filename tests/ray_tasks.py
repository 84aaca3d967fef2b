"""Tasks for a Ray cluster, besides those for worker processes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from worker_tasks import Task

from benchbox.bench.shard_result import ShardResult


@dataclass(frozen=True)
class Alone(Task):
    """Takes a while, and says from when to when; nothing may run beside it."""

    exclusive: bool = True

    def __call__(self, given: Any) -> ShardResult:
        begin = time.monotonic()
        time.sleep(given)
        return ShardResult({"span": (begin, time.monotonic())})
