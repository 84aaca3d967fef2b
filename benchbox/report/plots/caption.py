"""The caption of a work–precision diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchbox.report.board import Board, LevelsKind
from benchbox.report.plots.chart import INTERVALS_CLAUSE, Chart
from benchbox.report.plots.cost import CostName, costed_entries

LEVELS_SENTENCES: dict[LevelsKind, str] = {
    "same": "One schedule and grid for all.",
    "recommended": "Each sampler with its recommended schedule and grid.",
}
"""The noise levels of a series, as a sentence."""


def captioned(chart: Chart, boards: Sequence[Board], cost: CostName) -> Chart:
    """The chart with its caption, which speaks of what its looks show."""
    costed, lines = costed_entries(boards, cost), [line for line in chart.lines if line.role == "line"]
    seeds = sorted({len(entry.seeds) for _, entry in costed.entries}) or [0]
    number = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    weak = any(not point.strong for line in lines if not line.grey for point in line.points)
    intervals = INTERVALS_CLAUSE + (" of the lines in colour" if any(line.grey for line in lines) else "")
    unseen = len(costed.entries) - sum(len(line.points) for line in lines)
    sentences = [
        f"Better is {'up' if chart.highest else 'down'} and left.",
        f"{intervals}; seeds: {number}." if chart.intervals else f"Seeds: {number}.",
        "Pale points are dominated." if weak else "",
        LEVELS_SENTENCES[boards[0].levels], f"Left out: {costed.left_out}." if costed.left_out else "",
        f"Not drawn, as not positive on a logarithmic axis: {unseen}." if unseen else "",
    ]  # fmt: skip
    return replace(chart, caption=" ".join(filter(None, sentences)))
