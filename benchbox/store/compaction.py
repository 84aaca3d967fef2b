"""Compaction of many files of rows into one, which is on the disk before the others are removed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from benchbox.errors import UsageError
from benchbox.store.leases import COMPACTION, Leases
from benchbox.store.paths import COMPACTED, ID
from benchbox.store.store import Store
from benchbox.store.tables import joined_tables
from benchbox.store.verify import Track


class Compaction(NamedTuple):
    """The number of files that became one, and of their rows."""

    files: int
    rows: int


def compact(store: Store, track: Track) -> Compaction:
    """Put the rows of all cells into one file. Files that cannot be read completely stay as they are.

    UsageError while another process holds a lease in the directory; no process gets one meanwhile.
    """
    with Leases(store.directory) as leases, store.writing():
        reserve(store.directory, leases)
        files = [path for path in store.files() if ID.fullmatch(path.stem) or COMPACTED.fullmatch(path.name)]
        stamps = {path: stamp(path) for path in files}
        tables = whole(store, track(files, "read"))
        if not any(ID.fullmatch(path.stem) for path in tables) and len(tables) < 2:
            return Compaction(0, 0)
        table = joined_tables(tables, lambda path, remark: None)
        made = store.put_many(table)
        for path in track([path for path in tables if path != made], "remove"):
            if stamp(path) == stamps[path]:
                path.unlink(missing_ok=True)
        return Compaction(len(tables), len(table))


def reserve(directory: Path, leases: Leases) -> None:
    """Take the lease on the directory as a whole. UsageError where another process has a lease in it."""
    busy = leases.live() if leases.take(COMPACTION) else [COMPACTION]
    if busy:
        holder = leases.holder(busy[0]) or "another process"
        raise UsageError(f"{directory} cannot be compacted while {holder} works in it: wait until it has ended.")


def whole(store: Store, paths: Iterable[Path]) -> dict[Path, pa.Table]:
    """The rows of the files that can be read completely, and whose columns agree with those of the others."""
    tables = {}
    for path in paths:
        try:
            rows = store.read(path)
        except FileNotFoundError:
            continue
        if rows and not rows.left_out:
            tables[path] = rows.table
    odd: set[Path] = set()
    joined_tables(tables, lambda path, remark: odd.add(path))
    return {path: table for path, table in tables.items() if path not in odd}


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Inode, size and time of a file, by which a change is detected; None without a file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
