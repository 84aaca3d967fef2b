"""Rows on disk: one parquet file per finished cell, written atomically, or a compacted file of many cells."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchbox.atomic import flush_names, leftover, set_aside, try_to_write, write_bytes, write_whole
from benchbox.errors import UsageError
from benchbox.store import schema
from benchbox.store.paths import COMPACTED, ID, compacted_name, opened, path_of, printable
from benchbox.store.reading import left_out, named_after_contents, read_table
from benchbox.store.row_types import ReadRows
from benchbox.store.states import MetricState, MetricStates
from benchbox.store.tables import framed, joined_tables
from benchbox.store.values import one_setting_per_column

if TYPE_CHECKING:
    import pandas as pd

FINISHED = frozenset({"done", "diverged", "dishonest", "skipped"})
"""Statuses that a rerun leaves as they are; the others are tried again."""

TRIES = 5
"""Passes over a directory that others compact meanwhile."""


class Store:
    """A results directory: rows and metric states.

    `problems` names the files in it that could not be read, each with the reason.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.problems: list[str] = []
        self._noted: set[Path] = set()
        self.statistics = MetricStates(directory, self.note)

    def prepare(self) -> None:
        """Make the directory, and remove temporary files of killed runs. UsageError where it cannot be written to."""
        with self.writing():
            self.directory.mkdir(parents=True, exist_ok=True)
            try_to_write(self.directory)
            for left in self.leftovers():
                left.unlink(missing_ok=True)

    def leftovers(self) -> list[Path]:
        """Temporary files of killed runs."""
        return sorted(path for path in self.directory.glob(".*.tmp") if leftover(path))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Inside, an OSError becomes a UsageError."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UsageError(f"the results directory {self.directory} cannot be written to: {reason}.") from None

    def path(self, cell: str) -> Path:
        """The file of a cell. ValueError for a name that is not an id."""
        return path_of(self.directory, cell, ".parquet")

    def get(self, cell: str) -> dict[str, Any] | None:
        """The row of a cell, or None if there is none that can be read."""
        if (row := self.own_row(cell)) is not None:
            return row
        table, places = self._compacted
        return table.slice(places[cell], 1).to_pylist()[0] if cell in places else None

    def own_row(self, cell: str) -> dict[str, Any] | None:
        """The row in the cell's own file, or None if there is none that can be read."""
        path = self.path(cell)
        with suppress(FileNotFoundError, NotADirectoryError):
            rows = self.read(path) if os.path.lexists(path) else None
            return None if rows is None else rows.table.to_pylist()[0]
        return None

    @cached_property
    def _compacted(self) -> tuple[pa.Table, dict[str, int]]:
        """The latest row of each cell in compacted files, read once, and its place in the table."""
        table = self.table(COMPACTED)
        return table, {cell: i for i, cell in enumerate(table["cell"].to_pylist())}

    def put(self, row: dict[str, Any]) -> None:
        """Write a row into its cell's own file. A damaged file in its place is quarantined."""
        path, table = self.path(row["cell"]), schema.table(row)
        with self.writing():
            if path.exists() and self.own_row(row["cell"]) is None:
                set_aside(path)
            write_whole(path, lambda file: pq.write_table(table, file))

    def put_many(self, table: pa.Table) -> Path:
        """Write rows of many cells into one compacted file, named after its contents, and flush it to the disk."""
        file = pa.BufferOutputStream()
        pq.write_table(schema.marked(table), file)
        data = file.getvalue().to_pybytes()
        path = self.directory / compacted_name(data)
        with self.writing():
            write_bytes(path, data)
            flush_names(self.directory)
        return path

    def put_details(self, cell: str, text: str) -> None:
        """Write the side file of a cell, a traceback; an empty text removes that of an earlier run."""
        path = self.path(cell).with_suffix(".log")
        with self.writing():
            if text:
                write_bytes(path, text.encode("utf-8", "backslashreplace"))
            else:
                path.unlink(missing_ok=True)

    def put_progress(self, cell: str, data: bytes) -> None:
        """Write the progress of a cell."""
        with self.writing():
            write_bytes(path_of(self.directory, cell, ".part"), data)

    def get_progress(self, cell: str) -> bytes | None:
        """The stored progress of a cell; None if there is none."""
        with suppress(OSError, ValueError), opened(path_of(self.directory, cell, ".part")) as file:
            return file.read()
        return None

    def drop_progress(self, cell: str) -> None:
        with self.writing():
            path_of(self.directory, cell, ".part").unlink(missing_ok=True)

    def keep(self, statistics: dict[str, MetricState]) -> None:
        """Write metric states, by their keys."""
        with self.writing():
            for key, kept in statistics.items():
                self.statistics.put(key, kept)

    def table(self, names: re.Pattern[str] | None = None) -> pa.Table:
        """All rows, or those of files with such a name; `problems` names what cannot be read."""
        tables: dict[Path, pa.Table] = {}
        for _ in range(TRIES):
            gone = False
            for path in (path for path in self.files() if names is None or names.fullmatch(path.name)):
                try:
                    if path not in tables and (rows := self.read(path)) is not None:
                        tables[path] = rows.table
                except FileNotFoundError:  # it was compacted since: its row is in a file that is new
                    gone = True
            if not gone:
                break
        return joined_tables(tables, self.note)

    def read(self, path: Path) -> ReadRows | None:
        """The rows in a file, or None if it cannot be read. FileNotFoundError."""
        try:
            rows = read_table(named_after_contents(path) if COMPACTED.fullmatch(path.name) else path)
            if ID.fullmatch(path.stem) and (cells := rows.table["cell"].to_pylist()) != [path.stem]:
                raise ValueError(f"it holds the row of cell {', '.join(cells[:3])}")
        except (FileNotFoundError, NotADirectoryError):
            raise
        except Exception as error:  # libraries raise any exception for hostile bytes
            self.note(path, left_out(error))
            return None
        if rows.left_out:
            self.note(path, f"has {rows.left_out:,} rows that were left out: {rows.why}")
        return rows

    def note(self, path: Path, remark: str) -> None:
        """Add a remark on a file to `problems`, one for each file."""
        if path not in self._noted:
            self._noted.add(path)
            self.problems.append(f"{printable(path.name)} {remark}.")

    def files(self) -> list[Path]:
        """All files that may hold rows."""
        return sorted(self.directory.glob("*.parquet"))


def load_results(directory: str | Path) -> pd.DataFrame:
    """The rows in a results directory, one line each; a warning names every file that cannot be read.

    A metric's plain columns hold one setting of it, the most frequent; those of another end in `@` and its hash.
    """
    import warnings

    path = Path(directory)
    if not path.is_dir():
        raise UsageError(f"there is no results directory {path}.")
    store = Store(path)
    frame = one_setting_per_column(framed(store.table()))
    for problem in store.problems:
        warnings.warn(problem, stacklevel=2)
    return frame
