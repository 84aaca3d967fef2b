"""Rows of samplers at several budgets, and their work–precision diagram."""

from __future__ import annotations

from typing import Any

from report_rows import known, nothing_usual, rows

from benchbox.report.board import Board
from benchbox.report.plots.chart import Chart
from benchbox.report.plots.quality import quality_chart, series
from benchbox.report.ranking import boards

BUDGETS = (5, 8, 10, 20)


def line(sampler: str, *fids: float, **more: Any) -> list[dict[str, Any]]:
    """Rows of a sampler at the budgets, timed under load and without memory unless said otherwise."""
    unknown = {"timing_valid": False, "rss_peak_mb": None}
    return [
        {"sampler": sampler, "nfe_requested": n, "nfe": float(n)} | unknown | known(fid, 0.1) | more
        for n, fid in zip(BUDGETS, fids, strict=False)
    ]


def group(*lines: list[dict[str, Any]]) -> list[Board]:
    (only,) = series(boards(rows(*(row for rows_ in lines for row in rows_))))
    return only


def chart(*lines: list[dict[str, Any]], cost: Any = "nfe") -> Chart:
    return quality_chart(group(*lines), cost, nothing_usual)
