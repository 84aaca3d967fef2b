"""Leases on cells, where several processes and machines write into one results directory; a lock on a device."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType

import psutil
from filelock import FileLock, LeaseSettingsMismatch, SoftFileLease, Timeout

from benchbox.store.paths import printable

DURATION = 120.0
"""Seconds without a heartbeat after which a lease expires; an NFS client may see times that are 60 s old."""

UNWRITTEN = 20.0
"""Seconds after which an empty lease is of a process that was killed between creating and writing it."""

COMPACTION = "compaction"
"""The lease on the directory as a whole: while it is held, nobody gets a lease on a cell."""

STRAY = re.compile(r"\.(?P<name>.+)\.lease\.(break|restore)\.(?P<pid>[0-9]+)\.[0-9a-f]{32}")
"""The name of a file that filelock uses while it takes over a lease."""


class Leases(AbstractContextManager["Leases"]):
    """The leases of this process on cells of a results directory: `take`, work, `release`; the context releases all.

    A lease is a file beside the rows that a thread keeps fresh. One whose process is dead is taken over at once on the
    same machine; one of another machine once it has not been refreshed for `duration` seconds. A holder that is stopped
    for longer and wakes up may work beside its successor: then both write the same row.
    """

    def __init__(self, directory: Path, duration: float = DURATION) -> None:
        self.directory, self.duration = directory, duration
        self.held: dict[str, SoftFileLease] = {}
        self._refused: dict[str, SoftFileLease] = {}  # each times how long it has seen no heartbeat

    def take(self, name: str) -> bool:
        """Take the lease on a cell, if it is free; whether this process holds it now. OSError."""
        if name in self.held:
            return True
        if not self._acquire(name):
            return False
        if name != COMPACTION and self._is_live(COMPACTION):
            self.release(name)
        return name in self.held

    def release(self, name: str) -> None:
        """Release a lease, if this process holds it."""
        if lease := self.held.pop(name, None):
            lease.release()

    def holder(self, name: str) -> str | None:
        """The process that holds a lease; None without a lease."""
        owner = self._lease(name).owner
        return owner and f"process {owner.pid} on {printable(owner.hostname.partition('?')[0])}"

    def live(self) -> list[str]:
        """The names of leases that other processes hold; the files of dead ones are removed."""
        names = sorted(path.name[1 : -len(".lease")] for path in self.directory.glob(".*.lease"))
        return [name for name in names if name not in self.held and self._is_live(name)]

    def close(self) -> None:
        """Release all leases, and remove files of processes that were killed while they took over a lease."""
        for name in list(self.held):
            self.release(name)
        for path in self.directory.glob(".*.lease.*"):
            stray = STRAY.fullmatch(path.name)
            if stray and not self._path(stray["name"]).exists() and not psutil.pid_exists(int(stray["pid"])):
                path.unlink(missing_ok=True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _path(self, name: str) -> Path:
        return self.directory / f".{name}.lease"

    def _lease(self, name: str) -> SoftFileLease:
        known = self.held.get(name) or self._refused.get(name)
        return known or SoftFileLease(self._path(name), lease_duration=self.duration, thread_local=False)

    def _acquire(self, name: str) -> bool:
        lease, path = self._lease(name), self._path(name)
        with suppress(FileNotFoundError):  # the library takes an empty file for a held lease
            stat = path.lstat()
            if not stat.st_size and time.time() - stat.st_mtime > UNWRITTEN:
                path.unlink()
        try:
            lease.acquire(blocking=False)
        except (Timeout, LeaseSettingsMismatch):
            self._refused[name] = lease
            return False
        self._refused.pop(name, None)
        self.held[name] = lease
        return True

    def _is_live(self, name: str) -> bool:
        """Whether another process holds a lease; in a directory that is not writable, every lease counts as held."""
        if name in self.held or not self._path(name).exists():
            return False
        try:
            free = self._acquire(name)
        except OSError:
            return True
        self.release(name)
        return not free


@contextmanager
def exclusive(device: str) -> Iterator[None]:
    """Hold this user's lock on the device, so that only one process with --exclusive uses it at a time.

    The kernel releases the lock of a process that dies. Processes with different temporary folders (TMPDIR) have
    different locks.
    """
    import torch  # here, because the commands that only read results do not need it

    torch_device = torch.device(device)
    cuda = torch_device.type == "cuda"
    name = torch.cuda.get_device_properties(torch_device).uuid if cuda else torch_device.type
    with FileLock(Path(tempfile.gettempdir()) / f"benchbox-{os.getuid()}-{name}.lock"):
        yield
