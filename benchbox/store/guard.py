"""Files of other cells, looked after while a plugin runs that may write anywhere."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

import pyarrow as pa

from benchbox.store.atomic import set_aside, write_bytes
from benchbox.store.claims import Claims
from benchbox.store.paths import COMPACTED, ID, KEY, printable
from benchbox.store.reading import read
from benchbox.store.store import Store

MOST_BYTES = 2**26
"""A file of rows up to this size is remembered whole, and can be put back."""


class Seen(NamedTuple):
    """A file as it was."""

    size: int
    modified: int
    inode: int
    data: bytes | None

    def is_as(self, other: Seen) -> bool:
        """Whether it is the same file, or has the same in it."""
        return self == other or (self.data is not None and self.data == other.data)


class Guard:
    """Remembers a sweep's rows, statistics and compacted files, and puts right what the code of others did to them.

    It tells apart what this process wrote itself (`saw`) and what another process of benchbox may have written: a file
    of a cell that it claims, or did while this one was at work, and then whole statistics and rows of any. It is no
    protection from a plugin that means to evade it, which runs with all the rights of its user.
    """

    def __init__(self, store: Store, cells: Collection[str], claims: Claims | None = None) -> None:
        """claims: those of this process; what others claim, or have claimed meanwhile, is theirs."""
        self.store, self.cells = Store(store.directory), frozenset(cells)  # what it notes is nobody else's
        self.claims = claims or Claims(store.directory)
        self.seen: dict[str, Seen] = {}

    def snapshot(self) -> None:
        """Remember all files as they are now."""
        self.seen = self._look(self._names())

    def saw(self, *ids: str) -> None:
        """Remember anew the files of these cells or streams: this process wrote them."""
        names = {name for name in (*self._names(), *self.seen) if name[:16] in ids}
        self.seen = {name: seen for name, seen in self.seen.items() if name not in names} | self._look(names)

    def repair(self, own: Collection[str]) -> list[str]:
        """Put right what changed since, but for files of `own` cells and streams, and say it in a sentence for each.

        A changed or deleted file of rows is put back; one that was not there, and statistics that changed, are set
        aside (`.damaged`). What there is then is remembered.
        """
        others = self._others()
        now = self._look({*self._names(), *self.seen})
        said = []
        for name in sorted({*now, *self.seen}):
            before, after = self.seen.get(name), now.get(name)
            same = before is not None and after is not None and before.is_as(after)
            if not same and name[:16] not in own and not self._is_of(others, name, before, after):
                said.append(self._right(name, before, after))
        self.snapshot()
        return said

    def _names(self) -> list[str]:
        """The files that are looked after: of any cell, and of any stream."""
        with suppress(FileNotFoundError):
            return [name for name in os.listdir(self.store.directory) if self._guarded(Path(name))]
        return []

    def _guarded(self, name: Path) -> bool:
        rows = name.suffix in {".parquet", ".log"} and ID.fullmatch(name.stem) is not None
        return rows or COMPACTED.fullmatch(name.name) is not None or is_statistics(name.name)

    def _look(self, names: Iterable[str]) -> dict[str, Seen]:
        """The files as they are; what is in them is read only where they are not as they were."""
        found = {}
        for name in names:
            path = self.store.directory / name
            with suppress(OSError):
                stat, before = path.lstat(), self.seen.get(name)
                mark = stat.st_size, stat.st_mtime_ns, stat.st_ino
                if before is not None and before[:3] == mark:
                    found[name] = before
                    continue
                small = S_ISREG(stat.st_mode) and stat.st_size <= MOST_BYTES and not is_statistics(name)
                found[name] = Seen(*mark, path.read_bytes() if small else None)
        return found

    def _others(self) -> set[str]:
        """The cells that other processes are at, or were at while this one was."""
        return self.claims.elsewhere()

    def _is_of(self, others: set[str], name: str, before: Seen | None, after: Seen | None) -> bool:
        """Whether another process may have done it."""
        path = self.store.directory / name
        if path.suffix == ".npz":
            return bool(others) and (after is None or self.store.statistics.count(path.stem) > 0)
        if name[:16] in others:
            return True
        if path.suffix == ".log":
            return bool(others)
        if after is None:
            return before is not None and self._is_elsewhere(before)
        if COMPACTED.fullmatch(name):
            return self._is_compaction(path)
        return bool(others) and bool(self._rows(path))

    def _is_elsewhere(self, before: Seen) -> bool:
        """Whether the rows of a file that is gone are there still, as they are after others have compacted them."""
        then = rows_of(before)
        now = values(self.store.table()) if then else {}
        return bool(then) and all(now.get(cell) == row for cell, row in then.items())

    def _is_compaction(self, path: Path) -> bool:
        """Whether a new file of many cells says of the sweep's cells only what was known."""
        known: dict[str, dict[str, Any]] = {}
        for name in sorted(self.seen, key=lambda name: COMPACTED.fullmatch(name) is None):  # a cell's own file counts
            known |= rows_of(self.seen[name])
        found = self._rows(path)
        return bool(found) and all(known.get(cell) == row for cell, row in found.items() if cell in self.cells)

    def _rows(self, path: Path) -> dict[str, dict[str, Any]]:
        with suppress(FileNotFoundError):
            found = self.store.read(path)
            return values(found.table) if found else {}
        return {}

    def _right(self, name: str, before: Seen | None, after: Seen | None) -> str:
        """Put a file back, or aside where it cannot be; what was done to it, as a sentence."""
        path = self.store.directory / name
        what = f"{'it wrote' if before is None else 'it deleted' if after is None else 'it changed'} {printable(name)}"
        known = None if before is None else before.data
        with self.store.writing():
            if known is None or path.is_dir():
                set_aside(path)
            if known is None:
                return f"{what}, which was set aside" if after else what
            write_bytes(path, known)
            return f"{what}, which was put back"


def is_statistics(name: str) -> bool:
    return name.endswith(".npz") and KEY.fullmatch(name.removesuffix(".npz")) is not None


def rows_of(seen: Seen) -> dict[str, dict[str, Any]]:
    """The rows in a remembered file, none where it holds none."""
    with suppress(Exception):  # whatever a library makes of hostile bytes
        return values(read(seen.data).table) if seen.data else {}
    return {}


def values(table: pa.Table) -> dict[str, dict[str, Any]]:
    """What is known of each cell."""
    return {row["cell"]: {k: v for k, v in row.items() if v is not None} for row in table.to_pylist()}
