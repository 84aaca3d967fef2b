"""Tables of rows made one: one type for a column, one row for a cell."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from benchbox.store import schema
from benchbox.store.paths import COMPACTED, ID
from benchbox.store.schema import COLUMN_TYPES

if TYPE_CHECKING:
    import pandas as pd

Note = Callable[[Path, str], None]
"""Is told what there is to say of a file."""

DECIDING = ("cell", "status", "started_at")
"""Columns by which one row of a cell is preferred to another."""


def joined_tables(tables: Mapping[Path, pa.Table], note: Note) -> pa.Table:
    """The rows of all files: of a cell that has its own file, that one; of one in several compacted files, the latest.

    A published file is none of these: all its rows count, several of a cell, too.
    """
    agreed = of_one_type(tables, note)
    own = {path: table for path, table in agreed.items() if ID.fullmatch(path.stem)}
    compacted = [table for path, table in agreed.items() if COMPACTED.fullmatch(path.name)]
    others = [table for path, table in agreed.items() if path not in own and not COMPACTED.fullmatch(path.name)]
    if compacted:
        cells = pa.array([path.stem for path in own], pa.string())
        rest = concatenated(compacted)
        compacted = [latest(rest.filter(pc.invert(pc.is_in(rest["cell"], cells))))]
    return concatenated([*own.values(), *compacted, *others])


def of_one_type(tables: Mapping[Path, pa.Table], note: Note) -> Mapping[Path, pa.Table]:
    """The tables, each metric's column of numbers in all of them or of text in all, as most rows have it."""
    seen: defaultdict[str, Counter[pa.DataType]] = defaultdict(Counter)
    for table in tables.values():
        for name in set(table.column_names) - schema.COLUMN_TYPES.keys():
            seen[name][table[name].type] += len(table) - table[name].null_count
    mixed = {name: prevailing(kinds) for name, kinds in seen.items() if len(kinds) > 1}
    return {path: retyped(table, mixed, path, note) for path, table in tables.items()} if mixed else tables


def prevailing(kinds: Counter[pa.DataType]) -> pa.DataType:
    return max(kinds, key=lambda kind: (kinds[kind], kind == pa.float64()))


def retyped(table: pa.Table, kinds: Mapping[str, pa.DataType], path: Path, note: Note) -> pa.Table:
    """The table, without the values of columns that are of another type."""
    for name, kind in kinds.items():
        if name not in table.column_names or table[name].type == kind:
            continue
        if table[name].null_count < len(table):
            note(path, f"has no {name}: it is {table[name].type} here and {kind} in other rows")
        table = table.set_column(table.column_names.index(name), name, pa.nulls(len(table), kind))
    return table


def concatenated(tables: list[pa.Table]) -> pa.Table:
    """The tables below each other, in the columns' order: the schema's, with the metrics before their options."""
    if not tables:
        return schema.schema({}).empty_table().replace_schema_metadata(None)
    table = pa.concat_tables(tables, promote_options="default")
    metrics = [name for name in table.column_names if name not in schema.COLUMN_TYPES]
    at = schema.ORDER.index("metric_options")
    order = [*schema.ORDER[:at], *metrics, *schema.ORDER[at:]]
    return table.select([name for name in order if name in table.column_names])


def latest(table: pa.Table) -> pa.Table:
    """One row for each cell: the last one begun of those that are done, else the last one."""
    return table.take(places_of_latest(table))


def places_of_latest(table: pa.Table) -> pa.Array:
    """Where these rows are in the table, in the order in which they were begun."""
    deciding = table.select([name for name in DECIDING if name in table.column_names])
    rows = deciding.replace_schema_metadata(None).to_pandas().reindex(columns=list(DECIDING))
    rows["done"] = rows["status"] == "done"
    ordered = rows.sort_values(["done", "started_at"], kind="stable", na_position="first")
    kept = ordered.drop_duplicates("cell", keep="last").sort_values("started_at", kind="stable", na_position="first")
    return pa.array(kept.index.to_numpy(), pa.int64())


def framed(table: pa.Table) -> pd.DataFrame:
    """The rows as a data frame; a number that no row has is missing."""
    return table.replace_schema_metadata(None).combine_chunks().to_pandas()


UNKNOWN = "__HIVE_DEFAULT_PARTITION__"
"""The name of the folder of rows that do not have the value."""


def partitions(path: Path) -> dict[str, str | None]:
    """Columns of a row, and their values in text, that the folders of a file are named after."""
    columns: dict[str, str | None] = {}
    for folder in path.absolute().parents:
        name, equals, value = folder.name.partition("=")
        if not equals or name not in COLUMN_TYPES:
            break
        columns[name] = None if value == UNKNOWN else unquote(value)
    return columns


def with_partitions(table: pa.Table, values: dict[str, str | None]) -> pa.Table:
    """The table with the columns that it lacks. ValueError where a value is not of the column's type."""
    for name in values.keys() - set(table.column_names):
        column = pa.array([values[name]] * len(table), pa.string())
        if pa.types.is_integer(COLUMN_TYPES[name]):
            column = column.cast(pa.float64())  # pandas has whole numbers as 10.0 where some are unknown
        table = table.append_column(name, column.cast(COLUMN_TYPES[name]))
    return table
