"""Work–precision diagrams: quality against cost, from the boards of one series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from benchbox.errors import UsageError, unknown
from benchbox.guidance import NO_LIMIT
from benchbox.report.board import Board, LevelsKind
from benchbox.report.entry import Entry, Setup
from benchbox.report.headings import metric_heading, task_heading
from benchbox.report.mean_rank import mean_ranks
from benchbox.report.plots.chart import INTERVALS_CLAUSE, Chart, Line, Point, drawable, non_dominated
from benchbox.report.plots.cost import COST_AXES, CostedEntries, CostName, cost_of, costed_entries
from benchbox.report.plots.emphasis import bright_setups, line_names
from benchbox.report.real_images import with_real_images
from benchbox.report.table import Defaults

FRONT = "non-dominated front"
"""The setups that no other one beats in both quality and cost."""

LEVELS_SENTENCES: dict[LevelsKind, str] = {
    "same": "One schedule and grid for all.",
    "recommended": "Each sampler with its recommended schedule and grid.",
}
"""The noise levels of a series, as a sentence."""


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


def largest_series(boards: Iterable[Board]) -> tuple[list[Board], list[list[Board]]]:
    """The series with the most entries, and the others. UsageError if there is none."""
    groups = series(boards)
    if not groups:
        raise UsageError("no row can be ranked.")
    largest = max(groups, key=lambda group: sum(len(board.entries) for board in group))
    return largest, [group for group in groups if group is not largest]


def quality_charts(boards: Sequence[Board], costs: Sequence[str], defaults: Defaults) -> dict[str, Chart]:
    """The charts of one series, by cost. UsageError for an unknown cost, or a chart without points."""
    for cost in costs:
        if cost not in COST_AXES:
            raise unknown("cost", cost, COST_AXES)
    charts = {cost: quality_chart(boards, cast(CostName, cost), defaults) for cost in costs}
    for cost, chart in charts.items():
        if not chart.lines:
            left_out = costed_entries(boards, cast(CostName, cost)).left_out or f"no row has both it and {chart.y}"
            raise UsageError(f"there is nothing to draw against {cost}: {left_out}.")
    return charts


def offered_charts(boards: Sequence[Board], defaults: Defaults) -> dict[CostName, Chart]:
    """The charts of one series that a page offers, by cost.

    A chart against seconds or memory has at least two points, and at least half of the entries.
    """
    charts: dict[CostName, Chart] = {}
    n_entries = sum(len(board.entries) for board in boards)
    for cost in COST_AXES:
        chart = quality_chart(boards, cost, defaults)
        n_points = sum(len(line.points) for line in chart.lines if line.role == "line")
        if n_points >= (1 if cost == "nfe" else max(2, n_entries / 2)):
            charts[cost] = chart
    return charts


def quality_chart(boards: Sequence[Board], cost: CostName, defaults: Defaults) -> Chart:
    """The chart of one series: a line per setup, a point per budget; lines by mean rank, best first.

    Dominated points are pale. Seconds and memory are those of the device that most entries were measured on; the
    caption gives the numbers of the entries that are left out, by reason. Without points, the chart has no lines.
    """
    costed, task = costed_entries(boards, cost), boards[0].task
    points: dict[Setup, list[Point]] = defaultdict(list)
    for board, entry in costed.entries:
        if drawable(x := cost_of(entry, cost), entry.value):
            points[entry.setup].append(point(x, entry, board))
    chart = Chart(
        title=task_heading(task, defaults), x=COST_AXES[cost] + (f", {costed.device}" if costed.device else ""),
        y=metric_heading(task, defaults), lines=_lines(points, boards, defaults), front=FRONT,
        highest=boards[0].highest, ticks=_budgets(boards) if cost == "nfe" else (),
    )  # fmt: skip
    n_points = sum(map(len, points.values()))
    return with_real_images(replace(chart, caption=_caption(chart, boards[0].levels, costed, n_points)), task)


def _lines(points: Mapping[Setup, Sequence[Point]], boards: Sequence[Board], defaults: Defaults) -> tuple[Line, ...]:
    """The lines by mean rank, those that are not among the best ones pale; their points on the front strong."""
    names, bright, highest = line_names(boards, defaults), bright_setups(boards, points), boards[0].highest
    front = non_dominated((p for line in points.values() for p in line), highest)
    drawn = {
        setup: tuple(replace(p, strong=p in front) for p in sorted(points[setup], key=lambda p: p.x))
        for setup in mean_ranks(boards) if setup in points
    }  # fmt: skip
    return tuple(Line(names[setup], line, pale=setup not in bright) for setup, line in drawn.items())


def _budgets(boards: Sequence[Board]) -> tuple[float, ...]:
    """The measured budgets, if they count the evaluations of the network."""
    if boards[0].task.nfe_of == "denoiser":
        return ()
    return tuple(sorted({float(board.budget) for board in boards if board.entries and board.budget}))


def point(x: float, entry: Entry, board: Board) -> Point:
    nfe = "adaptive" if board.budget is None else f"{entry.nfe:g} NFE"
    return Point(x, entry.value, entry.low, entry.high, nfe)


def _caption(chart: Chart, levels: LevelsKind, costed: CostedEntries, n_points: int) -> str:
    seeds = sorted({len(entry.seeds) for _, entry in costed.entries}) or [0]
    number = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    weak = any(not point.strong for line in chart.lines for point in line.points)
    unseen = len(costed.entries) - n_points
    sentences = [
        f"Better is {'up' if chart.highest else 'down'} and left.",
        f"{INTERVALS_CLAUSE}; seeds: {number}." if chart.intervals else f"Seeds: {number}.",
        "Pale points are dominated." if weak else "",
        LEVELS_SENTENCES[levels], f"Left out: {costed.left_out}." if costed.left_out else "",
        f"Not drawn, as not positive on a logarithmic axis: {unseen}." if unseen else "",
    ]  # fmt: skip
    return " ".join(filter(None, sentences))
