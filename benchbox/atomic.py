"""Atomic writing: to a temporary file, which is flushed to the disk and then renamed."""

from __future__ import annotations

import os
import platform
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from benchbox.errors import UsageError

HOST = re.sub(r"[^0-9A-Za-z.]", "_", platform.node())
NAME = re.compile(r"\..+-(?P<host>[^-]+)-(?P<pid>\d{1,9})-[0-9a-f]{8}\.tmp")

STALE = 3600
"""Age in seconds above which a temporary file counts as left over, whichever machine wrote it."""


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file atomically. OSError. It is tried again once if the temporary file is deleted meanwhile."""
    for last in (False, True):
        try:
            with _beside(path) as file:
                write(file)
            return
        except FileNotFoundError:
            if last:
                raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes to a file atomically. OSError."""
    write_whole(path, lambda file: file.write(data))


@contextmanager
def output(path: Path) -> Iterator[IO[bytes]]:
    """An output file of a command, written atomically. UsageError where it cannot be written.

    A link is followed; a device or a pipe is written to directly.
    """
    try:
        other = path.exists() and not path.is_file()
        with path.open("wb") if other else _beside(path.resolve()) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from None


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    """A temporary file in the same folder; it replaces the file, with the same permissions, once it is on the disk."""
    partial = temporary(path)
    try:
        with partial.open("xb") as file:  # never through an existing link
            with suppress(OSError):
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def temporary(path: Path) -> Path:
    """A temporary name beside a file, with the host and the process that write it."""
    return path.with_name(f".{path.stem[:100]}-{HOST}-{os.getpid()}-{secrets.token_hex(4)}.tmp")


def try_to_write(directory: Path) -> None:
    """OSError where a directory is not writable."""
    probe = temporary(directory / "probe")
    probe.touch()
    probe.unlink(missing_ok=True)


def set_aside(path: Path) -> None:
    """Quarantine a damaged file: rename it to `.damaged`."""
    with suppress(FileNotFoundError):
        try:
            path.replace(path.with_suffix(".damaged"))
        except OSError:  # it is a folder, or the new name is one
            path.replace(path.with_name(f"{path.stem}-{secrets.token_hex(4)}.damaged"))


def flush_names(directory: Path) -> None:
    """Flush a directory to the disk, so that its new files survive a crash."""
    with suppress(OSError):  # not every file system can
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def leftover(path: Path) -> bool:
    """Whether a temporary file is left over: its process is dead, or it is older than `STALE`."""
    import psutil  # here, because its import is slow

    name = NAME.fullmatch(path.name)
    if name and name["host"] == HOST and not psutil.pid_exists(int(name["pid"])):
        return True
    with suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime > STALE
    return False
