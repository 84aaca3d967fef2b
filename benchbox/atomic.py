"""Files that are written whole or not at all: under a temporary name, flushed to the disk, renamed."""

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
"""Seconds after which a temporary file is what a killed run left behind, whoever wrote it."""


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file, or leave what is there. OSError where it cannot be.

    It is tried once more where somebody deletes the temporary file before it has its name.
    """
    for last in (False, True):
        try:
            with _beside(path) as file:
                write(file)
            return
        except FileNotFoundError:
            if last:
                raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file of these bytes, whole or not at all. OSError where it cannot be."""
    write_whole(path, lambda file: file.write(data))


@contextmanager
def output(path: Path) -> Iterator[IO[bytes]]:
    """The file that a user asked for, to write inside: what was there stays until all is on the disk.

    A link is followed; a device or a pipe is written to as it is. UsageError where it cannot be written.
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
    """A temporary file, which gets the name, and the rights of what was there, once all is on the disk."""
    partial = temporary(path)
    try:
        with partial.open("xb") as file:  # never through a link that lies there
            with suppress(OSError):
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def temporary(path: Path) -> Path:
    """A name for what is to become that file; one that a killed process leaves is known by it."""
    return path.with_name(f".{path.stem[:100]}-{HOST}-{os.getpid()}-{secrets.token_hex(4)}.tmp")


def try_to_write(directory: Path) -> None:
    """OSError where no file can be made in a directory."""
    probe = temporary(directory / "probe")
    probe.touch()
    probe.unlink(missing_ok=True)


def set_aside(path: Path) -> None:
    """Rename what lies at a path to `.damaged`, where it is in nobody's way and can be looked at."""
    with suppress(FileNotFoundError):
        try:
            path.replace(path.with_suffix(".damaged"))
        except OSError:  # a folder lies there, or is to
            path.replace(path.with_name(f"{path.stem}-{secrets.token_hex(4)}.damaged"))


def flush_names(directory: Path) -> None:
    """Flush the names in a directory to the disk, so that files can be removed whose contents are in a new one."""
    with suppress(OSError):  # there are file systems that cannot
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def leftover(path: Path) -> bool:
    """Whether nobody writes this temporary file any more: its process is dead, or it is STALE."""
    import psutil  # here, because what writes files need not wait for it

    name = NAME.fullmatch(path.name)
    if name and name["host"] == HOST and not psutil.pid_exists(int(name["pid"])):
        return True
    with suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime > STALE
    return False
