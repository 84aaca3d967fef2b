"""Rows for tests of the store, without a run: whole, honest, each of its own cell."""

from __future__ import annotations

from typing import Any

from report_rows import USUAL

from benchbox.store.schema import ORDER


def cell_id(i: int) -> str:
    return f"{i:016x}"


def stream_id(i: int) -> str:
    return f"5{i:015x}"


def row(i: int, **said: Any) -> dict[str, Any]:
    """The row of cell i, as a run leaves it."""
    return dict.fromkeys(ORDER) | USUAL | {
        "stream": stream_id(i), "cell": cell_id(i), "nfe": 9.0, "nfe_max": 9.0, "steps": 4, "batch_size": 64,
        "wall_s": 1.5, "host": "here", "started_at": f"2026-01-01T00:00:{i % 60:02d}+00:00", "benchbox": "0.1.0",
        "contract": 1, "fid": 4.0 + i,
    } | said  # fmt: skip
