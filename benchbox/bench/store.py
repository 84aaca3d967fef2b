"""Rows on disk: one parquet file per finished cell, written whole or not at all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchbox.bench import schema
from benchbox.bench.atomic import write_whole
from benchbox.bench.kept import Kept, Statistics
from benchbox.errors import UsageError

FINISHED = frozenset({"done", "diverged", "dishonest", "skipped"})
"""Statuses that a rerun leaves as they are; the others are tried again."""

STALE = 3600
"""Seconds after which a temporary file is what a killed run left behind."""


class Store:
    """A results directory: rows, and the statistics kept beside them.

    `problems` names the files in it that could not be read, each with the reason.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.problems: list[str] = []
        self.statistics = Statistics(directory, self._problem)

    def prepare(self) -> None:
        """Make the directory, and see that it can be written to. UsageError where it cannot."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            probe = self.directory / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
            for left in self.directory.glob(".*.tmp"):
                if time.time() - left.stat().st_mtime > STALE:
                    left.unlink(missing_ok=True)
        except OSError as error:
            raise self.unwritable(error) from None

    def unwritable(self, error: OSError) -> UsageError:
        return UsageError(f"the results directory {self.directory} cannot be written to: {error.strerror}.")

    def inspect(self) -> None:
        """Note in `problems` every file that is not a whole row or whole statistics, by what it says of itself."""
        for path in sorted(self.directory.glob("*.parquet")):
            try:
                with path.open("rb") as file:
                    pq.read_schema(file)
            except (OSError, ValueError, pa.ArrowException) as error:
                self._problem(path, error)
        self.statistics.inspect()

    def path(self, cell: str) -> Path:
        return self.directory / f"{cell}.parquet"

    def get(self, cell: str) -> dict[str, Any] | None:
        """The row of a cell, or None where there is none that can be read."""
        path = self.path(cell)
        found = self._read(path) if os.path.exists(path) else []
        for row in found:
            if row["cell"] != cell:
                self._problem(path, ValueError(f"it holds the row of cell {row['cell']}"))
                return None
        return found[0] if found else None

    def put(self, row: dict[str, Any]) -> None:
        """Write a row: a temporary file, flushed to the disk, renamed. A damaged file in its place is kept aside."""
        path = self.path(row["cell"])
        temporary = self.directory / f".{row['cell']}-{os.getpid()}.tmp"
        try:
            if path.exists() and self.get(row["cell"]) is None:
                path.replace(path.with_suffix(".damaged"))
            with temporary.open("wb") as file:
                pq.write_table(schema.table(row), file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise self.unwritable(error) from None
        finally:
            temporary.unlink(missing_ok=True)

    def put_details(self, cell: str, text: str) -> None:
        """Write the side file of a cell, its traceback in full; an empty text takes away one of an earlier run."""
        path = self.path(cell).with_suffix(".log")
        try:
            if text:
                write_whole(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise self.unwritable(error) from None

    def keep(self, statistics: dict[str, Kept]) -> None:
        """Write statistics, by their keys. UsageError where they cannot be written."""
        try:
            for key, kept in statistics.items():
                self.statistics.put(key, kept)
        except OSError as error:
            raise self.unwritable(error) from None

    def rows(self) -> Iterator[dict[str, Any]]:
        """All rows, in the order of their files; files that cannot be read are named in `problems`.

        A published file holds the rows of many cells.
        """
        for path in sorted(self.directory.glob("*.parquet")):
            yield from self._read(path)

    def _read(self, path: Path) -> list[dict[str, Any]]:
        try:
            with path.open("rb") as file:  # a file, not a folder of them
                return rows_of(pq.read_table(file))
        except (OSError, ValueError, pa.ArrowException) as error:
            self._problem(path, error)
            return []

    def _problem(self, path: Path, error: Exception) -> None:
        said = (str(error) or type(error).__name__).splitlines()[0]
        reason = error.strerror if isinstance(error, OSError) and error.strerror else said
        if not any(problem.startswith(f"{path.name} ") for problem in self.problems):
            self.problems.append(f"{path.name} was left out: {reason.rstrip('.')}.")


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """The rows that a table holds. ValueError where they are none of ours."""
    version = (table.schema.metadata or {}).get(b"benchbox_schema", b"")
    if not version.isdigit() or not len(table) or not {"cell", "status"} <= set(table.column_names):
        raise ValueError("it is not a row of benchbox")
    if int(version) > schema.VERSION:
        raise ValueError(f"its schema {int(version)} is newer than this benchbox's {schema.VERSION}")
    return list(table.to_pylist())


def missing_metrics(row: dict[str, Any], metrics: dict[str, Any]) -> set[str]:
    """Which of the metrics (name to options) a row does not have with these options."""
    have = json.loads(row.get("metric_options") or "{}")
    return {name for name, options in metrics.items() if have.get(name) != json.loads(json.dumps(options))}


def load_results(directory: str | Path) -> pd.DataFrame:
    """The rows in a results directory, one line each; a warning names every file that cannot be read."""
    import warnings

    path = Path(directory)
    if not path.is_dir():
        raise UsageError(f"there is no results directory {path}.")
    store = Store(path)
    rows = list(store.rows())
    for problem in store.problems:
        warnings.warn(problem, stacklevel=2)
    frame = pd.DataFrame(rows)
    # a number that no row has is missing, not an object
    frame = frame.astype({c: "float64" for c in schema.NUMBER if c in frame})
    known = [c for c in schema.ORDER if c in frame or not rows]
    metrics = [c for c in frame.columns if c not in schema.ORDER]
    at = known.index("metric_options") if "metric_options" in known else len(known)
    return frame.reindex(columns=[*known[:at], *metrics, *known[at:]])
