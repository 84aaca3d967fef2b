"""Rows read from a file that anybody may have written. What comes out has the types of the schema."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from benchbox.store import schema
from benchbox.store.paths import compacted_name, opened, printable
from benchbox.store.row_types import ReadRows, checked
from benchbox.store.tables import partitions, with_partitions

MOST_ROWS, MOST_COLUMNS, MOST_BYTES = 10_000_000, 5_000, 2**33
"""What a file may claim to hold, unpacked."""

CHANGED_FILE = "it was changed after it was written: its hash differs"
"""What there is to say of such a file."""


def read_table(source: Path | bytes) -> ReadRows:
    """The rows in a file. FileNotFoundError; any other error says why they cannot be read: nothing here is trusted."""
    with parquet(source) as file:
        table = file.read(use_threads=False)
        wanted = (file.metadata.metadata or {}).get(schema.ROW_HASH)
    rows = checked(with_partitions(table, partitions(source)) if isinstance(source, Path) else table)
    if wanted and not rows.left_out and (len(rows.table) > 1 or schema.row_hash(rows.table) != wanted):
        raise ValueError(CHANGED_FILE)
    return rows


def named_after_contents(path: Path) -> bytes:
    """What a compacted file holds. ValueError where that is not what its name is made from. FileNotFoundError."""
    with opened(path) as file:
        data = file.read()
    if compacted_name(data) != path.name:
        raise ValueError(CHANGED_FILE)
    return data


def left_out(error: Exception) -> str:
    """What there is to say of a file that could not be read."""
    lines = (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).splitlines()
    return f"was left out: {printable(lines[0] if lines else type(error).__name__).rstrip('.')}"


@contextmanager
def parquet(source: Path | bytes) -> Iterator[pq.ParquetFile]:
    """A file, once it says that it holds rows of a version that is known, and not too many."""
    opening = io.BytesIO(source) if isinstance(source, bytes) else opened(source)
    with opening as file, pq.ParquetFile(file, pre_buffer=False) as parquet_file:
        head, names = parquet_file.metadata, parquet_file.schema_arrow.names
        there = {*names, *(partitions(source) if isinstance(source, Path) else ())}
        lacking = [name for name in schema.NEEDED if name not in there]
        version = (head.metadata or {}).get(b"benchbox_schema", b"" if lacking else b"1")  # pandas keeps no mark
        if not version.isdigit() or not head.num_rows or not {"cell", "status"} <= there:
            raise ValueError("it is not a row of benchbox")
        if int(version) > schema.VERSION:
            raise ValueError(f"its schema {int(version)} is newer than this benchbox's {schema.VERSION}")
        if lacking:
            raise ValueError(f"it lacks the column {lacking[0]}, which every row has")
        size = sum(head.row_group(i).total_byte_size for i in range(head.num_row_groups))
        if head.num_rows > MOST_ROWS or len(names) > MOST_COLUMNS or size > MOST_BYTES:
            raise ValueError(f"it says that it holds {head.num_rows:,} rows in {size:,} bytes, which is too much")
        if len(set(names)) < len(names):
            raise ValueError("two of its columns have one name")
        yield parquet_file
