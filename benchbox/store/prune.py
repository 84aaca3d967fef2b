"""What can be removed from a results directory and costs nothing that was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from benchbox.store.compaction import whole
from benchbox.store.leases import Leases
from benchbox.store.paths import COMPACTED, ID
from benchbox.store.store import FINISHED, Store
from benchbox.store.verify import Track


class Removal(NamedTuple):
    """A file to remove, or to take rows from, and why."""

    path: Path
    why: str


def removals(store: Store, track: Track) -> list[Removal]:
    """What there is to remove, from rows that are tried again anyway to statistics of no row."""
    directory = store.directory
    damaged = [path for path in sorted(directory.glob("*.damaged")) if not path.is_dir()]
    return [
        *unfinished(store, track),
        *(Removal(path, "is damaged") for path in damaged),
        *(Removal(path, "is what a killed run left") for path in store.leftovers()),
        *(Removal(path, "is in the format of an older benchbox") for path in store.statistics.old()),
        *([] if Leases(directory).live() else orphans(store)),  # a process may be at the row
    ]


def unfinished(store: Store, track: Track) -> Iterator[Removal]:
    for path in track([p for p in store.files() if ID.fullmatch(p.stem) or COMPACTED.fullmatch(p.name)], "rows"):
        for table in whole(store, [path]).values():
            again = sorted({str(status) for status in table.filter(pc.invert(finished(table)))["status"].to_pylist()})
            if again:
                yield Removal(path, f"has {'a row' if len(table) == 1 else 'rows'} of status {', '.join(again)}")


def finished(table: pa.Table) -> pa.ChunkedArray:
    """Which rows are not tried again anyway."""
    return pc.is_in(table["status"], pa.array(sorted(FINISHED)))


def orphans(store: Store) -> Iterator[Removal]:
    """Statistics of which no row tells, not even one that is tried again."""
    table = store.table()
    streams = set(table["stream"].to_pylist()) if "stream" in table.column_names else set()
    for key in store.statistics.stored():
        if key.partition("-")[0] not in streams:
            yield Removal(store.statistics.path(key), "has the statistics of no row")


def prune(store: Store, removed: Sequence[Removal]) -> int:
    """Remove it; how many files were left, because a process is at their cell."""
    busy = 0
    with Leases(store.directory) as leases, store.writing():
        for path, _ in removed:
            if COMPACTED.fullmatch(path.name):
                take_out(store, path)
            elif path.suffix == ".parquet":
                busy += not drop(store, path, leases)
            else:
                path.unlink(missing_ok=True)
    return busy


def take_out(store: Store, path: Path) -> None:
    """Write a compacted file anew without the rows that are tried again."""
    for table in whole(store, [path]).values():
        rest = table.filter(finished(table))
        if not len(rest) or store.put_many(rest) != path:
            path.unlink(missing_ok=True)


def drop(store: Store, path: Path, leases: Leases) -> bool:
    """Remove a cell's row, if it still is one to try again, with its side file; False where a process is at it."""
    if not leases.take(path.stem):
        return False
    for table in whole(store, [path]).values():
        if not pc.all(finished(table)).as_py():
            path.unlink(missing_ok=True)
            store.put_details(path.stem, "")
    leases.release(path.stem)
    return True
