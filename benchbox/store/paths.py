"""Ids, and files of a results directory: named by checked ids only, no link followed out of it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from pathlib import Path
from typing import IO, Any

ID = re.compile(r"[0-9a-f]{16}")
"""A stream or a cell."""

STATE_KEY = re.compile(r"[0-9a-f]{16}-[a-z0-9+-]{1,150}-[0-9a-f]{16}")
"""Statistics: a stream, a metric, its options."""

COMPACTED = re.compile(r"rows-[0-9a-f]{16}\.parquet")
"""A file of many cells' rows."""


def path_of(directory: Path, name: str, suffix: str, pattern: re.Pattern[str] = ID) -> Path:
    """The file of that name. ValueError for a name that is none of ours, and might lead out of the directory."""
    if not pattern.fullmatch(name):
        raise ValueError(f"{printable(name)!r} is no name of a file in a results directory")
    return directory / f"{name}{suffix}"


def compacted_name(data: bytes) -> str:
    """The name of a file of many cells' rows: a hash of what it holds."""
    return f"rows-{hashlib.sha256(data).hexdigest()[:16]}.parquet"


def opened(path: Path) -> IO[bytes]:
    """A file, to read. ValueError for a link that leads out of its directory, and for a folder, a pipe or a device.

    FileNotFoundError where there is none.
    """
    if path.is_symlink() and not path.exists():
        raise ValueError("it is a link that leads nowhere")
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a file")
    if os.path.dirname(os.path.realpath(path)) != os.path.realpath(path.parent):
        raise ValueError("it is a link that leads out of the directory")
    return path.open("rb")


def printable(text: str) -> str:
    """Text in one line that a terminal takes for nothing but text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def digest(value: Any) -> str:
    return hashlib.sha256(dumps(value).encode()).hexdigest()[:16]
