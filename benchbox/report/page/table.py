"""Rows for the page's script: by column, each distinct text stored once."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from benchbox.report.board import Board, BoardTask
from benchbox.report.command import run_command
from benchbox.report.entry import SETUP, Setup
from benchbox.report.escape import plain_text
from benchbox.report.page.names import slug
from benchbox.report.rows import row_dicts
from benchbox.report.table import Defaults

TARGET = ("guidance", "guidance_options", "nfe_of", "problem", "problem_options", "measurements")
"""Columns that say what the samples of a row are of, besides its model."""


def with_commands(rows: pd.DataFrame, defaults: Defaults) -> pd.DataFrame:
    """The rows with the columns `reproduce` (the command that measures the row) and `page` (of its sampler)."""
    commands = [reproduce_command(row, defaults) for row in row_dicts(rows)]
    return rows.assign(reproduce=commands, page=[slug(str(name)) for name in rows["sampler"]])


def reproduce_command(row: dict[str, Any], defaults: Defaults) -> str:
    target = {name: _text(row.get(name), name) for name in TARGET}
    task = BoardTask("", "", str(row["model"]), row["model_options"] or "{}", "", "", int(row["n_samples"]), **target)
    budget = None if row["nfe_requested"] is None else int(row["nfe_requested"])
    setup = Setup(*(_text(row.get(name), name) for name in SETUP))
    return run_command(Board(task, False, budget, "same", (), ()), setup, [int(row["seed"])], defaults, row)


def _text(value: Any, name: str) -> str:
    """A value of a row as text; what is missing is no options, or empty."""
    if value is None or value != value:
        return "{}" if name.endswith("_options") else ""
    return str(int(value)) if isinstance(value, float) else str(value)


def encoded_rows(rows: pd.DataFrame) -> dict[str, Any]:
    """`columns`: the `values` of each; for text, the distinct values and the `index` of each row. None: unknown."""
    columns: dict[str, Any] = {}
    for name in rows:
        column = rows[name]
        if pd.api.types.is_numeric_dtype(column.dtype):
            columns[str(name)] = {"values": [_number(v) for v in column]}
        else:
            codes, texts = pd.factorize(column)
            columns[str(name)] = {"values": [plain_text(str(t)) for t in texts], "index": codes.tolist()}
    return {"n": len(rows), "columns": columns}


def _number(value: Any) -> float | int | bool | None:
    if isinstance(value, bool):
        return value
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number
