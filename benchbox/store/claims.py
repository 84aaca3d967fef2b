"""Who works on which cell, where several processes and machines write into one results directory."""

from __future__ import annotations

import json
import os
import platform
import re
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from benchbox.store.atomic import temporary
from benchbox.store.paths import ID
from benchbox.store.process import place, runs, started

BEAT = 15.0
"""Seconds between two touches of a claim."""

STALE = 120.0
"""Seconds without a touch after which a claim counts as left behind; NFS clients may see times that are 60 s old."""

RELEASED = ".released"
"""The end of the name of a list of cells that a process had claimed, kept while others are at work."""

NAME = re.compile("[0-9a-f]{32}")
"""The name of a process, and the token of a claim."""

TORN = "torn"
"""The token of a claim that cannot be read: of somebody who died while writing it, or who is just writing it."""


@dataclass(frozen=True)
class Claim:
    """What a claim's file says, and when it was touched, by the clock of its file system."""

    token: str
    host: str
    place: str
    pid: int
    started: float | None
    touched: float

    @property
    def abandoned(self) -> bool:
        """Whether its process is known to be gone; of another machine's process this cannot be known."""
        return self.place == place() and not runs(self.pid, self.started)


class Claims:
    """Claims of this process on cells in a results directory: `take`, work, `release`. Also a context manager.

    A claim is a file that only one process can create (by a link or O_EXCL), touched by a thread while it is held.
    One whose process is gone, or that nobody touched for `stale` seconds, is taken over. Where a claim's holder was
    stopped for longer than that and wakes up, two may work on one cell: then both write the same row.
    """

    def __init__(self, directory: Path, beat: float = BEAT, stale: float = STALE) -> None:
        self.directory, self.beat, self.stale = directory, beat, stale
        self.held: dict[str, str] = {}
        self._owner, self._lock, self._closed = os.getpid(), threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._name = uuid.uuid4().hex

    def take(self, cell: str) -> bool:
        """Claim a cell; whether this process has it now. OSError where the directory cannot be written to."""
        return cell in self.held or self._create(cell) or self._take_over(cell)

    def join(self) -> None:
        """Be seen at work without a cell, so that others leave word of what they release; where one may write."""
        with suppress(OSError):
            self.take(self._name)

    def release(self, cell: str) -> None:
        """Give a cell back. Nothing happens where it is another's, or in a process forked from the one that took it."""
        if os.getpid() == self._owner and cell in self.held and self._others():
            self._list(cell)
        self._release(cell)

    def _release(self, cell: str) -> None:
        if os.getpid() != self._owner:
            return
        with self._lock:
            token, found = self.held.pop(cell, None), self._read(cell)
            if token and found and found.token == token:
                self._path(cell).unlink(missing_ok=True)

    def holder(self, cell: str) -> str | None:
        """Who works on a cell, this process included; None where nobody does."""
        found = self._read(cell)
        return f"process {found.pid} on {found.host}" if found and not self._is_stale(found) else None

    def elsewhere(self) -> set[str]:
        """The cells that other processes are at, or have been at since this one had a claim."""
        at = {cell for cell in self._others() if ID.fullmatch(cell) and not self._is_stale_or_gone(cell)}
        for path in self.directory.glob(f".*{RELEASED}"):
            with suppress(OSError, UnicodeDecodeError):
                if path.name == f".{self._name}{RELEASED}":
                    continue
                at |= set(path.read_text(encoding="utf-8").split())
        return at

    def sweep(self) -> None:
        """Remove the claims that killed processes left behind."""
        for path in self.directory.glob(".*.claim"):
            cell = path.name[1 : -len(".claim")]
            if cell not in self.held and self._take_over(cell):
                self._release(cell)
        self._clear_lists()

    def close(self) -> None:
        """Give all cells back and stop touching."""
        self._closed.set()
        for cell in set(self.held) - {self._name}:
            self.release(cell)
        self._release(self._name)
        self._clear_lists()

    def _others(self) -> set[str]:
        """Cells with a claim that is not this process's, and names of processes that are at work without one."""
        names = {path.name[1 : -len(".claim")] for path in self.directory.glob(".*.claim")}
        return {name for name in names if ID.fullmatch(name) or NAME.fullmatch(name)} - set(self.held)

    def _is_stale_or_gone(self, cell: str) -> bool:
        found = self._read(cell)
        return found is None or self._is_stale(found)

    def _list(self, cell: str) -> None:
        """Leave word, for those who are still at work, that this process had the cell."""
        with suppress(OSError), (self.directory / f".{self._name}{RELEASED}").open("a", encoding="utf-8") as file:
            file.write(f"{cell}\n")

    def _clear_lists(self) -> None:
        """Nobody is at work any more who would read what was released."""
        if os.getpid() == self._owner and not self._others():
            for path in self.directory.glob(f".*{RELEASED}"):
                path.unlink(missing_ok=True)

    def __enter__(self) -> Claims:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _path(self, cell: str) -> Path:
        return self.directory / f".{cell}.claim"

    def _create(self, cell: str) -> bool:
        token = uuid.uuid4().hex
        with self._lock:
            if not self._write(cell, token):
                return False
            self.held[cell] = token
        self._keep_touching()
        return True

    def _write(self, cell: str, token: str) -> bool:
        """Write the file of a claim, unless there is one."""
        pid = os.getpid()
        said = {"token": token, "host": platform.node(), "place": place(), "pid": pid, "started": started(pid)}
        whole = temporary(self._path(cell))  # linked into its place, so that who dies here leaves no half of a claim
        try:
            whole.write_text(json.dumps(said), encoding="utf-8")
            os.link(whole, self._path(cell))
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            return self._write_in_place(cell, json.dumps(said))
        finally:
            whole.unlink(missing_ok=True)
        return True

    def _write_in_place(self, cell: str, text: str) -> bool:
        try:
            with self._path(cell).open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            return False
        return True

    def _take_over(self, cell: str) -> bool:
        """Replace a stale claim. Of several who try, one gets the claim on replacing it, which names its token."""
        seen = self._read(cell)
        if seen is None or not self._is_stale(seen) or not self.take(right := f"{cell}.{seen.token}"):
            return False
        try:
            found = self._read(cell)
            if found is None or found.token != seen.token or not self._is_stale(found):
                return False
            self._path(cell).unlink(missing_ok=True)
            return self._create(cell)
        finally:
            self._release(right)

    def _read(self, cell: str) -> Claim | None:
        """The claim on a cell; None where there is none. Opened, so that an NFS client asks for its time anew."""
        try:
            with self._path(cell).open("rb") as file:
                touched = os.fstat(file.fileno()).st_mtime
                text = file.read(4096)
        except FileNotFoundError:
            return None
        try:
            said = json.loads(text)
            token, who = str(said["token"]), (str(said["host"]), str(said["place"]), int(said["pid"]))
            if not NAME.fullmatch(token):  # it becomes part of a file's name
                raise ValueError
            return Claim(token, *who, said["started"], touched)
        except (ValueError, TypeError, KeyError, RecursionError):
            return Claim(TORN, "an unknown machine", "", 0, None, touched)

    def _is_stale(self, claim: Claim) -> bool:
        return claim.abandoned or self._now() - claim.touched > self.stale

    def _now(self) -> float:
        """The time by the file system's clock: that of the directory, just touched."""
        with suppress(OSError):  # one may look at claims where one may not write
            os.utime(self.directory)
        return self.directory.stat().st_mtime

    def _keep_touching(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._touch_all, name="claims", daemon=True)
            self._thread.start()

    def _touch_all(self) -> None:
        while not self._closed.wait(self.beat):
            for cell in list(self.held):
                with self._lock, suppress(OSError):  # a file server that is away for a moment
                    self._touch(cell)

    def _touch(self, cell: str) -> None:
        """Touch a claim; write it again where somebody deleted it; forget it where another has it by now."""
        token = self.held.get(cell)
        if token is None:
            return
        self._write(cell, token)
        found = self._read(cell)
        if found and found.token == token:
            os.utime(self._path(cell))
        else:
            del self.held[cell]
