"""Rows of many cells in one parquet file, the format of published results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchbox.atomic import write_whole
from benchbox.store.schema import ORDER, schema

KINDS = ("sampler", "model", "schedule", "grid")
"""Kinds of plugins whose options a row says."""


def records(rows: pd.DataFrame) -> list[Any]:
    """The rows as dictionaries of plain values, as `DataFrame.to_dict("records")` in a quarter of its time."""
    names, columns = list(rows), [rows[name].astype(object).tolist() for name in rows]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def row_dicts(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries of plain values; missing values are None."""
    return records(rows.astype(object).where(rows.notna(), None))


def plugin_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The plugins of rows with their options, each combination once: the rows of a sweep have most in common."""
    return row_dicts(rows[[*KINDS, *(f"{kind}_options" for kind in KINDS)]].drop_duplicates())


def read_rows(path: Path) -> pd.DataFrame:
    """The rows of one file. OSError or ValueError if it cannot be read."""
    with path.open("rb") as file:
        return pq.read_table(file).to_pandas()


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """Write rows into one file atomically, with the row schema; columns outside the schema are metrics."""
    lines = row_dicts(rows)
    metrics = {str(name): _example(lines, str(name)) for name in rows if name not in ORDER}
    table = pa.Table.from_pylist(lines, schema=schema(metrics))
    write_whole(path, lambda file: pq.write_table(table, file))


def _example(lines: list[dict[str, Any]], name: str) -> Any:
    """A value of the column, to infer its type; a number if all are missing."""
    return next((line[name] for line in lines if line[name] is not None), 0.0)
