"""Rows of many cells in one parquet file, as they are published and downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchbox.bench.schema import ORDER, schema


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values; what is unknown is None."""
    plain: list[Any] = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return plain


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """Write rows into one file, with the schema of a row; a column that the schema does not know is a metric's."""
    lines = records(rows)
    metrics = {str(name): _example(lines, str(name)) for name in rows if name not in ORDER}
    pq.write_table(pa.Table.from_pylist(lines, schema=schema(metrics)), path)


def _example(lines: list[dict[str, Any]], name: str) -> Any:
    """A value of the column; a number where all are unknown."""
    return next((line[name] for line in lines if line[name] is not None), 0.0)
