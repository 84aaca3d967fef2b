"""Memory: how much there is, what a family of processes uses of it, and whether the kernel ran out of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

GROUPS = Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes that this process may still use: what the machine has free, or what its control groups leave (v2)."""
    return min([psutil.virtual_memory().available, *left_in_groups(own_group())])


def own_group() -> Path:
    try:
        return GROUPS / Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].strip()
    except OSError:
        return GROUPS


def left_in_groups(group: Path) -> Iterator[int]:
    """Of a control group and each around it, the bytes up to its limit; the page cache is no use that counts."""
    for folder in (group, *group.parents):
        with suppress(OSError, ValueError, IndexError):
            most, used = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
            cached = (folder / "memory.stat").read_text().split("inactive_file ")[1].split()[0]
            yield max(most - used + int(cached), 0)


def oom_kills() -> int:
    """How many processes the kernel has ended for want of memory."""
    try:
        return int(Path("/proc/vmstat").read_text().rpartition("oom_kill ")[2].split()[0])
    except (OSError, ValueError, IndexError):
        return 0


class Family:
    """A process that leads a group, and its descendants, as far as they have been seen."""

    def __init__(self, pid: int) -> None:
        self.pid, self.members = pid, [psutil.Process(pid)]

    def look(self) -> int:
        """See who there is by now; the number of descendants that run."""
        with suppress(psutil.Error):
            children = self.members[0].children(recursive=True)
            self.members = list(dict.fromkeys([*self.members, *children]))
        return sum(running(member) for member in self.members[1:])

    def bytes(self) -> int:
        """The memory that they hold."""
        return sum(resident(member) for member in self.members)

    def kill(self) -> None:
        """End the group, and those that have left it."""
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
