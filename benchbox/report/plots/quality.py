"""Work–precision diagrams: quality against cost, from the boards of one series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from benchbox.errors import UsageError, unknown
from benchbox.guidance import NO_LIMIT
from benchbox.report.board import Board
from benchbox.report.entry import Entry, Setup
from benchbox.report.headings import metric_heading, task_heading
from benchbox.report.mean_rank import mean_ranks
from benchbox.report.plots.caption import captioned
from benchbox.report.plots.chart import Chart, Line, Point, drawable, non_dominated, with_equal_looks
from benchbox.report.plots.cost import COST_AXES, CostName, cost_of, costed_entries
from benchbox.report.plots.emphasis import coloured_setups, copies, line_names
from benchbox.report.real_images import with_real_images
from benchbox.report.table import Defaults

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
    charts = {cost: quality_chart(boards, cost, defaults) for cost in cast(Sequence[CostName], costs)}
    for cost, chart in charts.items():
        if not chart.lines:
            raise UsageError(f"there is nothing to draw against {cost}: {_why_empty(boards, cost)}.")
    return dict(_with_equal_looks(charts, boards).items())


def _why_empty(boards: Sequence[Board], cost: CostName) -> str:
    costed = costed_entries(boards, cost)
    unseen = f"{len(costed.entries)} not positive on a logarithmic axis" if costed.entries else ""
    return ", ".join(filter(None, [costed.left_out, unseen])) or "no setup is ranked"


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
    return _with_equal_looks(charts, boards)


def _with_equal_looks(charts: Mapping[CostName, Chart], boards: Sequence[Board]) -> dict[CostName, Chart]:
    return {cost: captioned(chart, boards, cost) for cost, chart in with_equal_looks(charts).items()}


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
    return with_real_images(captioned(chart, boards, cost), task)


def _lines(points: Mapping[Setup, Sequence[Point]], boards: Sequence[Board], defaults: Defaults) -> tuple[Line, ...]:
    """The lines by mean rank, those that are not among the best ones grey; their points on the front strong."""
    front = non_dominated((p for line in points.values() for p in line), boards[0].highest)
    on_front = {setup for setup, line in points.items() if front.intersection(line)}
    repeated = copies(boards, points, on_front)
    names, coloured = line_names(boards, repeated, defaults), coloured_setups(boards, points, on_front, repeated)
    drawn = {
        setup: tuple(replace(p, strong=p in front) for p in sorted(points[setup], key=lambda p: p.x))
        for setup in mean_ranks(boards) if setup in points
    }  # fmt: skip
    return tuple(Line(names[setup], line, grey=setup not in coloured) for setup, line in drawn.items())


def _budgets(boards: Sequence[Board]) -> tuple[float, ...]:
    """The measured budgets, if they count the evaluations of the network."""
    if boards[0].task.nfe_of == "denoiser":
        return ()
    return tuple(sorted({float(board.budget) for board in boards if board.entries and board.budget}))


def point(x: float, entry: Entry, board: Board) -> Point:
    nfe = "adaptive" if board.budget is None else f"{entry.nfe:g} NFE"
    return Point(x, entry.value, entry.low, entry.high, nfe)
