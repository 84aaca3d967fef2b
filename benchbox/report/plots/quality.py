"""Work–precision diagrams: quality against cost, from the boards of one series."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

from benchbox.errors import UsageError, unknown
from benchbox.guidance import NO_LIMIT
from benchbox.report.board import Board
from benchbox.report.entry import Entry
from benchbox.report.headings import board_title, metric_heading, setup_names, task_heading
from benchbox.report.mean_rank import mean_ranks
from benchbox.report.plots.chart import Chart, Line, Point, drawable, non_dominated
from benchbox.report.plots.style import COLOURS
from benchbox.report.real_images import with_real_images
from benchbox.report.table import Defaults

CostName = Literal["nfe", "seconds", "memory"]

COST_AXES: dict[CostName, str] = {
    "nfe": "NFE (network evaluations per sample)",
    "seconds": "seconds per 1,000 samples",
    "memory": "peak memory (MB)",
}
"""The costs that quality can be drawn against, with the titles of their axes."""

FRONT = "non-dominated front"
"""The setups that no other one beats in both quality and cost."""


def series(boards: Iterable[Board]) -> list[list[Board]]:
    """Boards grouped by series: those that differ only in the budget.

    Boards of samples that were made elsewhere are left out, as their cost is unknown. The entries of a method
    without continuous limit are a group of their own at each budget, as no curve over it can be drawn.
    """
    groups: dict[object, list[Board]] = defaultdict(list)
    for board in (b for b in boards if b.levels != "unknown"):
        moving = tuple(entry for entry in board.entries if NO_LIMIT in str(entry.row.get("reason")))
        rest = tuple(entry for entry in board.entries if entry not in moving)
        if rest or not moving:
            groups[board.series, None].append(replace(board, entries=rest))
        if moving:
            groups[board.series, board.budget].append(replace(board, entries=moving))
    return list(groups.values())


def largest_series(boards: Iterable[Board], defaults: Defaults) -> tuple[list[Board], list[str]]:
    """The series with the most entries, and the titles of the others. UsageError if there is none."""
    groups = series(boards)
    if not groups:
        raise UsageError("no row can be ranked.")
    largest = max(groups, key=lambda group: sum(len(board.entries) for board in group))
    return largest, [board_title(group[0], defaults, budgets=False) for group in groups if group is not largest]


def quality_charts(boards: Sequence[Board], costs: Sequence[str], defaults: Defaults) -> dict[str, Chart]:
    """The charts of one series, by cost. UsageError for an unknown cost, or a chart without points."""
    for cost in costs:
        if cost not in COST_AXES:
            raise unknown("cost", cost, COST_AXES)
    charts = {cost: quality_chart(boards, cast(CostName, cost), defaults) for cost in costs}
    for cost, chart in charts.items():
        if not any(line.points for line in chart.lines):
            raise UsageError(f"there is nothing to draw against {cost}: no row has both {cost} and a metric value.")
    return charts


def quality_chart(boards: Sequence[Board], cost: CostName, defaults: Defaults) -> Chart:
    """The chart of one series: a line per setup, a point per budget; lines by mean rank, best first.

    Dominated points are pale.
    Seconds and memory are those of the device that most entries ran on. Entries on other devices are left out; the
    caption gives their number.
    """
    device, entries = _on_one_device(boards, cost)
    names = setup_names([e.setup for _, e in entries], defaults)
    points: dict[str, list[Point]] = defaultdict(list)
    for board, entry in entries:
        if drawable(x := cost_of(entry, cost), entry.value):
            points[names[entry.setup]].append(point(x, entry, board))
    order = [name for setup in mean_ranks(boards) if (name := names.get(setup)) in points]
    chart = Chart(
        title=task_heading(boards[0].task, defaults), x=COST_AXES[cost] + (f", {device}" if device else ""),
        y=metric_heading(boards[0].task, defaults),
        lines=_lines(points, order, boards[0].highest, {names.get(b.entries[0].setup) for b in boards if b.entries}),
        caption=_caption(boards, entries, device, sum(map(len, points.values()))), front=FRONT,
        highest=boards[0].highest,
    )  # fmt: skip
    return with_real_images(chart, boards[0].task)


def _lines(
    points: Mapping[str, Sequence[Point]], order: Sequence[str], highest: bool, best: Collection[str | None]
) -> tuple[Line, ...]:
    """The lines in this order. As many as there are colours are not pale: those that are best somewhere, and the first.

    best: the names of the setups that are the first of a board.
    """
    front = non_dominated((p for line in points.values() for p in line), highest)
    bright = sorted(order, key=lambda name: name not in best)[: len(COLOURS)]
    drawn = {n: tuple(replace(p, strong=p in front) for p in sorted(points[n], key=lambda p: p.x)) for n in order}
    return tuple(Line(name, line, pale=name not in bright) for name, line in drawn.items())


def _on_one_device(boards: Sequence[Board], cost: CostName) -> tuple[str, list[tuple[Board, Entry]]]:
    entries = [(board, entry) for board in boards for entry in board.entries]
    if cost == "nfe":
        return "", entries
    counts = Counter(e.cost.device for _, e in entries if not math.isnan(cost_of(e, cost)))
    device = counts.most_common(1)[0][0] if counts else ""
    return device, [(board, entry) for board, entry in entries if entry.cost.device == device]


def point(x: float, entry: Entry, board: Board) -> Point:
    nfe = "adaptive" if board.budget is None else f"{entry.nfe:g} NFE"
    return Point(x, entry.value, entry.low, entry.high, nfe)


def cost_of(entry: Entry, cost: CostName) -> float:
    """The cost of an entry; nan if not measured."""
    return {"nfe": entry.nfe, "seconds": entry.cost.seconds, "memory": entry.cost.memory_mb}[cost]


def _caption(boards: Sequence[Board], entries: Sequence[tuple[Board, Entry]], device: str, drawn: int) -> str:
    better = "up and left" if boards[0].highest else "down and left"
    levels = {
        "same": "one schedule and grid for all",
        "recommended": "each sampler with its recommended schedule and grid",
    }
    seeds = [len(e.seeds) for _, e in entries] or [0]
    parts = [
        f"Better is {better}.", f"Bars and bands: 95 % intervals; seeds: {_range(seeds)}.",
        "Pale points are dominated.", f"{levels[boards[0].levels].capitalize()}.",
    ]  # fmt: skip
    n_left_out = sum(len(b.entries) for b in boards) - len(entries)
    if device and n_left_out:
        parts.append(f"Left out, as measured on other devices: {n_left_out}.")
    if drawn < len(entries):
        parts.append(f"Not drawn, as not positive on a logarithmic axis: {len(entries) - drawn}.")
    return " ".join(parts)


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
