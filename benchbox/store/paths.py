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
"""The id of a stream or of a cell."""

STATE_KEY = re.compile(r"[0-9a-f]{16}-[a-z0-9+-]{1,150}-[0-9a-f]{16}")
"""The key of a metric state: stream, metric, hash of its options."""

COMPACTED = re.compile(r"rows-[0-9a-f]{16}\.parquet")
"""A compacted file, with the rows of many cells."""


def path_of(directory: Path, name: str, suffix: str, pattern: re.Pattern[str] = ID) -> Path:
    """The file of an id. ValueError for a name that is not an id, which might lead out of the directory."""
    if not pattern.fullmatch(name):
        raise ValueError(f"{printable(name)!r} is not the name of a file in a results directory")
    return directory / f"{name}{suffix}"


def compacted_name(data: bytes) -> str:
    """The name of a compacted file: a hash of its contents."""
    return f"rows-{hashlib.sha256(data).hexdigest()[:16]}.parquet"


def opened(path: Path) -> IO[bytes]:
    """A file opened for reading. ValueError for a link out of its directory, a folder, a pipe or a device."""
    if path.is_symlink() and not path.exists():
        raise ValueError("it is a link that leads nowhere")
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a file")
    if os.path.dirname(os.path.realpath(path)) != os.path.realpath(path.parent):
        raise ValueError("it is a link that leads out of the directory")
    return path.open("rb")


def printable(text: str) -> str:
    """Text with its control characters escaped, safe to print on a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def digest(value: Any) -> str:
    return hashlib.sha256(dumps(value).encode()).hexdigest()[:16]
