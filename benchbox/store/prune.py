"""Pruning: files of a results directory that can be removed without losing a measurement."""

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
    """A file to remove, or to remove rows from, and the reason."""

    path: Path
    why: str


def removals(store: Store, track: Track) -> list[Removal]:
    """Everything that can be removed: unfinished rows, damaged and temporary files, metric states without a row."""
    directory = store.directory
    damaged = [path for path in sorted(directory.glob("*.damaged")) if not path.is_dir()]
    return [
        *unfinished(store, track),
        *(Removal(path, "is damaged") for path in damaged),
        *(Removal(path, "is what a killed run left") for path in store.leftovers()),
        *(Removal(path, "is in the format of an older benchbox") for path in store.statistics.old()),
        *([] if Leases(directory).live() else orphans(store)),  # a process may be about to write the row
    ]


def unfinished(store: Store, track: Track) -> Iterator[Removal]:
    for path in track([p for p in store.files() if ID.fullmatch(p.stem) or COMPACTED.fullmatch(p.name)], "rows"):
        for table in whole(store, [path]).values():
            again = sorted({str(status) for status in table.filter(pc.invert(finished(table)))["status"].to_pylist()})
            if again:
                yield Removal(path, f"has {'a row' if len(table) == 1 else 'rows'} of status {', '.join(again)}")


def finished(table: pa.Table) -> pa.ChunkedArray:
    """Which rows a sweep would not repeat."""
    return pc.is_in(table["status"], pa.array(sorted(FINISHED)))


def orphans(store: Store) -> Iterator[Removal]:
    """Metric states of streams without a row."""
    table = store.table()
    streams = set(table["stream"].to_pylist()) if "stream" in table.column_names else set()
    for key in store.statistics.stored():
        if key.partition("-")[0] not in streams:
            yield Removal(store.statistics.path(key), "has the statistics of no row")


def prune(store: Store, removed: Sequence[Removal]) -> int:
    """Remove files and rows. Returns the number of files that were kept because their cells are leased."""
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
    """Rewrite a compacted file without its unfinished rows."""
    for table in whole(store, [path]).values():
        rest = table.filter(finished(table))
        if not len(rest) or store.put_many(rest) != path:
            path.unlink(missing_ok=True)


def drop(store: Store, path: Path, leases: Leases) -> bool:
    """Remove a cell's row, if it is still unfinished, and its side file; False where its cell is leased."""
    if not leases.take(path.stem):
        return False
    for table in whole(store, [path]).values():
        if not pc.all(finished(table)).as_py():
            path.unlink(missing_ok=True)
            store.put_details(path.stem, "")
    leases.release(path.stem)
    return True
