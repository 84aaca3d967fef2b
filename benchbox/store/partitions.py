"""Columns in the names of folders, as pandas and others write a table in partitions: sampler=heun/part.parquet."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from benchbox.store.schema import COLUMN_TYPES

UNKNOWN = "__HIVE_DEFAULT_PARTITION__"
"""The name of the folder of rows that do not have the value."""


def partitions(path: Path) -> dict[str, str | None]:
    """Columns of a row, and their values in text, that the folders of a file are named after."""
    found: dict[str, str | None] = {}
    for folder in path.absolute().parents:
        name, equals, value = folder.name.partition("=")
        if not equals or name not in COLUMN_TYPES:
            break
        found[name] = None if value == UNKNOWN else unquote(value)
    return found


def with_partitions(table: pa.Table, values: dict[str, str | None]) -> pa.Table:
    """The table with the columns that it lacks. ValueError where a value is not of the column's type."""
    for name in values.keys() - set(table.column_names):
        column = pa.array([values[name]] * len(table), pa.string())
        if pa.types.is_integer(COLUMN_TYPES[name]):
            column = column.cast(pa.float64())  # pandas has whole numbers as 10.0 where some are unknown
        table = table.append_column(name, column.cast(COLUMN_TYPES[name]))
    return table
