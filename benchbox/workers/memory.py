"""Memory: what is available, what a process and its descendants use, and whether the kernel ran out of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

GROUPS = Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes that this process may still use, by the machine's free memory and the limits of its control groups (v2)."""
    return min([psutil.virtual_memory().available, *left_in_groups(own_group())])


def own_group() -> Path:
    try:
        return GROUPS / Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].strip()
    except OSError:
        return GROUPS


def left_in_groups(group: Path) -> Iterator[int]:
    """For a control group and its ancestors, the bytes up to the limit; the page cache does not count as used."""
    for folder in (group, *group.parents):
        with suppress(OSError, ValueError, IndexError):
            most, used = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
            cached = (folder / "memory.stat").read_text().split("inactive_file ")[1].split()[0]
            yield max(most - used + int(cached), 0)


def oom_kills() -> int:
    """The number of processes that the kernel has killed for lack of memory."""
    try:
        return int(Path("/proc/vmstat").read_text().rpartition("oom_kill ")[2].split()[0])
    except (OSError, ValueError, IndexError):
        return 0


class Family:
    """The leader of a process group, and the descendants seen so far."""

    def __init__(self, pid: int) -> None:
        self.pid, self.members = pid, [psutil.Process(pid)]

    def look(self) -> int:
        """Look for new descendants; returns the number of running ones."""
        with suppress(psutil.Error):
            children = self.members[0].children(recursive=True)
            self.members = list(dict.fromkeys([*self.members, *children]))
        return sum(running(member) for member in self.members[1:])

    def bytes(self) -> int:
        """The resident memory of all."""
        return sum(resident(member) for member in self.members)

    def kill(self) -> None:
        """Kill the group, and descendants that have left it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for member in self.members[1:]:
            with suppress(psutil.Error):
                member.kill()


def running(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
