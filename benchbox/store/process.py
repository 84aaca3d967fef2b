"""Whether a process of which a file tells is still there."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

ENDED = 0.0
"""In place of the start of a process that has ended and is only kept for its parent to ask about."""


@cache
def place() -> str:
    """Where process numbers mean the same: this machine since it was started, and this container in it."""
    with suppress(OSError):
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    return f"{platform.node()} {psutil.boot_time():.0f}"


def started(pid: int) -> float | None:
    """When a process started, on Linux by a clock that nobody sets; None where that cannot be read."""
    with suppress(psutil.Error, OSError, IndexError, ValueError):
        if Path("/proc/self/stat").exists():
            state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return ENDED if state in {"Z", "X"} else float(numbers[18])
        return psutil.Process(pid).create_time()
    return None


def runs(pid: int, since: float | None) -> bool:
    """Whether the process is alive that had this number and start; another one may have the number by now."""
    now = started(pid)
    return psutil.pid_exists(pid) and (since is None or now is None or now == since)
