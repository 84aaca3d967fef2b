"""Merging of rows and metric states of other results directories into one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from benchbox.atomic import write_bytes
from benchbox.store.leases import Leases
from benchbox.store.paths import ID, opened, printable
from benchbox.store.store import Store
from benchbox.store.tables import DECIDING, places_of_latest
from benchbox.store.values import completed
from benchbox.store.verify import Fault, Track, faults


class Merger(NamedTuple):
    """The numbers of merged rows and metric states, and of leased cells, which were skipped; and the problems found."""

    rows: int
    statistics: int
    busy: int
    problems: list[str]


def merge(store: Store, others: Sequence[Store], fault: Fault, track: Track) -> Merger:
    """Merge the rows of others. Of a cell, the latest finished row is kept, or the latest if none is finished.

    Faulty rows are left out; of metric states, those of the most samples are kept. Rows are not changed, so that they
    still state their provenance, except that values of metrics that only another row of the cell has are added.
    """
    store.prepare()
    problems: list[str] = []
    tables = [sound(other, fault, track, problems) for other in others] + [store.table()]
    deciding = pa.concat_tables([pa.table({c: column_or_nulls(table, c) for c in DECIDING}) for table in tables])
    latest, start = set(places_of_latest(deciding).to_pylist()), 0
    rows = busy = copied = 0
    for other, table in zip(others, tables, strict=False):
        wins = table.take(pa.array([i for i in range(len(table)) if start + i in latest], pa.int64()))
        start += len(table)
        new, left = take_in(store, wins, track)
        rows, busy = rows + new, busy + left
        copied += copy_statistics(store, other, track)
        copy_sweeps(store, other)
    new, left = complete(store, tables, track)
    return Merger(rows + new, copied, busy + left, problems)


def complete(store: Store, tables: Sequence[pa.Table], track: Track) -> tuple[int, int]:
    """Add values of metrics that other rows of a cell have. Returns the numbers of completed and of leased cells."""
    done = [table.filter(pc.equal(table["status"], "done")) for table in tables]
    settings = pa.concat_tables(
        [pa.table({c: column_or_nulls(table, c) for c in ("cell", "metric_options")}) for table in done]
    )
    counts = settings.group_by("cell").aggregate([("metric_options", "count_distinct")])
    cells = counts.filter(pc.greater(counts["metric_options_count_distinct"], 1))["cell"]
    rows = [row for table in done for row in table.filter(pc.is_in(table["cell"], cells)).to_pylist()]
    completer, busy = 0, 0
    with Leases(store.directory) as leases:
        for cell in track(cells.to_pylist(), "values"):
            row = store.get(cell)
            new = reduce(completed, (other for other in rows if other["cell"] == cell), row or {})
            if row is None or new == row:
                continue
            if leases.take(cell):
                store.put(new)
                leases.release(cell)
                completer += 1
            else:
                busy += 1
    return completer, busy


def sound(other: Store, fault: Fault, track: Track, problems: list[str]) -> pa.Table:
    """The rows of another directory without a fault."""
    table = other.table()
    wrong = dict(faults(table, fault, track))
    name = printable(str(other.directory))
    problems += [f"{name}: {sentence}" for sentence in (*other.problems, *wrong.values())]
    return table.take(pa.array([i for i in range(len(table)) if i not in wrong], pa.int64()))


def column_or_nulls(table: pa.Table, name: str) -> pa.ChunkedArray:
    return table[name] if name in table.column_names else pa.chunked_array([pa.nulls(len(table), pa.string())])


def take_in(store: Store, table: pa.Table, track: Track) -> tuple[int, int]:
    """Write rows: into a cell's own file if there is one, else into a compacted file.

    Returns how many were written, and how many were left out because their cells are leased.
    """
    cells = table["cell"].to_pylist()
    own = [i for i, cell in enumerate(cells) if ID.fullmatch(cell) and store.path(cell).exists()]
    rest = sorted(set(range(len(cells))) - set(own))
    busy = 0
    with Leases(store.directory) as leases:
        for i in track(own, "rows"):
            if leases.take(cells[i]):
                store.put(table.slice(i, 1).to_pylist()[0])
                leases.release(cells[i])
            else:
                busy += 1
    if rest:
        store.put_many(table.take(pa.array(rest, pa.int64())))
    return len(cells) - busy, busy


def copy_statistics(store: Store, other: Store, track: Track) -> int:
    """Copy metric states of more samples than those here. Returns their number."""
    copied = 0
    for key in track(other.statistics.stored(), "statistics"):
        if other.statistics.count(key) > store.statistics.count(key) and (kept := other.statistics.get(key)):
            store.keep({key: kept})
            copied += 1
    return copied


def copy_sweeps(store: Store, other: Store) -> None:
    """Copy the configurations that rows name."""
    with store.writing():
        if (theirs := other.directory / "sweeps").is_symlink():
            return
        for path in sorted(theirs.glob("*.json")):
            mine = store.directory / "sweeps" / path.name
            if ID.fullmatch(path.stem) and not mine.exists():
                mine.parent.mkdir(exist_ok=True)
                with opened(path) as file:
                    data = file.read()
                write_bytes(mine, data)
