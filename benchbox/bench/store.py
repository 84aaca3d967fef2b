"""Rows on disk: one parquet file per finished cell, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchbox.bench import schema
from benchbox.errors import UsageError

FINISHED = frozenset({"done", "diverged", "dishonest", "skipped"})
"""Statuses that a rerun leaves as they are; the others are tried again."""


class Store:
    """A results directory. `problems` names the files in it that could not be read, each with the reason."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.problems: list[str] = []

    def prepare(self) -> None:
        """Make the directory, and see that it can be written to. UsageError where it cannot."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            probe = self.directory / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UsageError(f"the results directory {self.directory} cannot be written to: {error.strerror}.") from None

    def path(self, cell: str) -> Path:
        return self.directory / f"{cell}.parquet"

    def get(self, cell: str) -> dict[str, Any] | None:
        """The row of a cell, or None where there is none that can be read."""
        path = self.path(cell)
        return self._read(path) if path.exists() else None

    def put(self, row: dict[str, Any]) -> None:
        """Write a row: a temporary file, flushed to the disk, renamed. A damaged file in its place is kept aside."""
        path = self.path(row["cell"])
        if path.exists() and self._read(path) is None:
            path.replace(path.with_suffix(".damaged"))
        temporary = self.directory / f".{row['cell']}-{os.getpid()}.tmp"
        try:
            with temporary.open("wb") as file:
                pq.write_table(schema.table(row), file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def rows(self) -> Iterator[dict[str, Any]]:
        """All rows, in the order of their files; files that cannot be read are named in `problems`."""
        for path in sorted(self.directory.glob("*.parquet")):
            row = self._read(path)
            if row is not None:
                yield row

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            table = pq.read_table(path, partitioning=None)
            version = int((table.schema.metadata or {})[b"benchbox_schema"])
            if version > schema.VERSION:
                raise ValueError(f"its schema {version} is newer than this benchbox's {schema.VERSION}")
            (row,) = table.to_pylist()
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            reason = "not a row of benchbox" if isinstance(error, KeyError) else str(error).splitlines()[0]
            problem = f"{path.name} was left out: {reason}"
            if problem not in self.problems:
                self.problems.append(problem)
            return None
        return dict(row)


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
    known = [c for c in schema.ORDER if c in frame or not rows]
    metrics = [c for c in frame.columns if c not in schema.ORDER]
    at = known.index("metric_options") if "metric_options" in known else len(known)
    return frame.reindex(columns=[*known[:at], *metrics, *known[at:]])
