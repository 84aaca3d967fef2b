"""Boards for programs: CSV or a data frame with one line per entry, or nested JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import pandas as pd

from benchbox.report import escape
from benchbox.report.board import Board
from benchbox.report.entry import SETUP, Entry, Unranked

RECORD_TASK = (
    "metric", "dataset", "model", "model_options", "model_sha256", "features", "n_samples", "reference", "setting",
    "guidance_options", "nfe_of", "problem", "problem_options", "measurements",
)  # fmt: skip
RECORD_MEASURED = (
    "rank_low", "rank_high", "uncertainty_known", "nfe", "n_backward", "value", "error", "low", "high", "behind",
    "behind_low", "behind_high", "paired", "seconds_per_1000", "memory_mb", "device", "seeds", "status", "reason",
    "cells",
)  # fmt: skip
RECORD_COLUMNS = (*RECORD_TASK, "levels", "nfe_requested", *SETUP, *RECORD_MEASURED)


def board_records(board: Board) -> Iterator[dict[str, Any]]:
    """The lines of a board as flat records: entries, best first, then unranked cells. None: unknown."""
    common = asdict(board.task) | {"levels": board.levels, "nfe_requested": board.budget}
    ranked = [(entry.setup, _ranked_record(entry)) for entry in board.entries]
    for setup, record in [*ranked, *((cell.setup, _unranked_record(cell)) for cell in board.unranked)]:
        line = common | asdict(setup) | record
        yield {column: _finite(line.get(column)) for column in RECORD_COLUMNS}


def _ranked_record(entry: Entry) -> dict[str, Any]:
    measured = {
        "rank_low": entry.rank_low, "rank_high": entry.rank_high, "uncertainty_known": entry.sure, "nfe": entry.nfe,
        "n_backward": entry.n_backward, "value": entry.value, "error": entry.estimate.error,
        "low": entry.low, "high": entry.high,
        "seconds_per_1000": entry.cost.seconds, "memory_mb": entry.cost.memory_mb, "device": entry.cost.device,
        "seeds": list(entry.seeds), "status": "done", "cells": list(entry.cells),
    }  # fmt: skip
    if entry.behind is None:
        return measured
    gap, half = entry.behind.estimate.value, entry.behind.estimate.half_width
    difference = {"behind": gap, "behind_low": gap - half, "behind_high": gap + half, "paired": entry.behind.paired}
    return measured | difference


def _unranked_record(cell: Unranked) -> dict[str, Any]:
    return {
        "status": cell.status, "reason": cell.reason, "nfe": cell.nfe, "seeds": [cell.seed], "cells": [cell.cell],
    }  # fmt: skip


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def boards_frame(boards: Iterable[Board]) -> pd.DataFrame:
    """All boards as one table with one line per entry; the items of a list are separated by spaces."""
    lines = [{k: _listed(v) for k, v in record.items()} for board in boards for record in board_records(board)]
    integers = dict.fromkeys(("nfe_requested", "rank_low", "rank_high"), "Int64")
    return pd.DataFrame(lines, columns=list(RECORD_COLUMNS)).astype(integers)


def _listed(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def boards_csv(boards: Iterable[Board]) -> str:
    """The table as CSV; no text in it is evaluated by a spreadsheet."""
    return boards_frame(boards).map(lambda v: escape.csv_text(v) if isinstance(v, str) else v).to_csv(index=False)


def to_json(boards: Iterable[Board]) -> str:
    """A list of boards, each with its `lines`; null: unknown."""
    shared = (*RECORD_TASK, "levels", "nfe_requested")

    def nested(board: Board) -> dict[str, Any]:
        records = list(board_records(board))
        lines = [{k: v for k, v in record.items() if k not in shared} for record in records]
        return {k: records[0][k] for k in shared} | {"highest": board.highest, "lines": lines}

    return json.dumps([nested(board) for board in boards], indent=1, allow_nan=False) + "\n"
