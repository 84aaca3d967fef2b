"""Verification of a results directory: every file is read completely, and every row checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from benchbox.errors import UsageError
from benchbox.store import schema
from benchbox.store.paths import printable
from benchbox.store.reading import left_out, parquet
from benchbox.store.store import Store

Item = TypeVar("Item")
Fault = Callable[[Mapping[str, Any]], str | None]
"""From a row to its fault, or None."""

Load = Callable[[Path, str], object]
"""Reads a stored configuration. UsageError."""

ROWS_AT_ONCE_CHECKED = 1_000
"""Rows per batch."""


class Track(Protocol):
    """Iterates over items, and shows the progress."""

    def __call__(self, items: Sequence[Item], label: str) -> Iterable[Item]: ...


def inspect_files(store: Store) -> None:
    """Note in the store's `problems` every file that is not whole rows or whole statistics, by its metadata."""
    for path in store.files():
        try:
            with parquet(path):
                pass
        except FileNotFoundError:
            continue
        except Exception as error:  # libraries raise any exception for hostile bytes
            store.note(path, left_out(error))
    store.statistics.inspect()


def verify(store: Store, fault: Fault, same: Sequence[str], configuration: Load, track: Track) -> list[str]:
    """A sentence for each file that is damaged, foreign, newer, or does not match its name, and for each faulty row.

    same: the columns in which rows of one stream agree. configuration: reads that of a name.
    """
    table = store.table()
    for key in track(store.statistics.stored(), "statistics"):
        store.statistics.get(key)
    aside = [f"{printable(p.name)} is damaged, and was set aside." for p in sorted(store.directory.glob("*.damaged"))]
    rows = [sentence for _, sentence in faults(table, fault, track)]
    return [*store.problems, *aside, *rows, *differing(table, same), *unreadable(store, configuration)]


def unreadable(store: Store, configuration: Load) -> Iterator[str]:
    """A sentence for each stored configuration that cannot be read, or does not match its hash."""
    for path in sorted(store.directory.glob("sweeps/*.json")):
        try:
            configuration(store.directory, path.stem)
        except UsageError as error:
            yield printable(str(error))


def differing(table: pa.Table, same: Sequence[str]) -> Iterator[str]:
    """A sentence for each stream whose rows differ in a column that the stream's hash covers."""
    known = [name for name in same if name in table.column_names]
    if "stream" in table.column_names:
        counts = table.group_by("stream").aggregate(
            [(name, "count_distinct", pc.CountOptions("all")) for name in known]
        )
        for row in counts.to_pylist():
            for name in known:
                if row["stream"] and row[f"{name}_count_distinct"] > 1:
                    yield f"stream {printable(row['stream'])}: its rows differ in {name}, which it is made from."


def faults(table: pa.Table, fault: Fault, track: Track) -> Iterator[tuple[int, str]]:
    """The positions of faulty rows, with the fault."""
    unknown = dict.fromkeys(schema.ORDER)
    for start in track(range(0, len(table), ROWS_AT_ONCE_CHECKED), "rows"):
        for i, row in enumerate(table.slice(start, ROWS_AT_ONCE_CHECKED).to_pylist(), start):
            if problem := fault(unknown | row):
                yield i, f"cell {row['cell']}: {problem}."
