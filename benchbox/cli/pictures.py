"""What benchbox plot draws: charts of rows and of exact errors, and pictures of samples made here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchbox.cli.common import say
from benchbox.errors import UsageError, unknown

if TYPE_CHECKING:
    from benchbox.bench.cell import Cell
    from benchbox.report.board import Board
    from benchbox.report.plots.chart import Chart
    from benchbox.report.plots.gallery import Lines, Panel

PictureKind = Literal["samples", "trajectory"]

LEVELS_SHOWN = 10
"""Evaluations of a trajectory that are drawn, at most; they are spread over the run."""


def quality(
    directory: Path, costs: Sequence[str], metric: str | None, model: str | None, published: bool = False
) -> dict[str, Chart]:
    """The charts of the series that has the most entries, by cost; what else there is, is said."""
    from benchbox.cli.rows import rows_in, usual_of
    from benchbox.report.leaderboard import title
    from benchbox.report.plots.quality import COST_AXES, quality_chart, series
    from benchbox.report.published import with_published
    from benchbox.report.ranking import boards

    for cost in costs:
        if cost not in COST_AXES:
            raise unknown("cost", cost, COST_AXES)
    rows = rows_in(directory)
    usual = usual_of(rows)
    found = series(boards(rows))
    for what, name in (("metric", metric), ("model", model)):
        had = {getattr(group[0].task, what) for group in found}
        found = [group for group in found if name in (None, getattr(group[0].task, what))]
        if not found:
            raise unknown(f"{what} among the rows", str(name), had) if had else UsageError("no row can be ranked.")
    chosen = max(found, key=_entries)
    if others := [title(group[0], usual, budgets=False) for group in found if group is not chosen]:
        say(f"not drawn: {'; '.join(others)}. --metric and --model choose.")
    charts = {cost: quality_chart(chosen, cost, usual) for cost in costs}  # type: ignore[arg-type]
    for cost, chart in charts.items():
        if not any(line.points for line in chart.lines):
            raise UsageError(f"there is nothing to draw against {cost}: no row in {directory} has both.")
    if published and "nfe" in charts:
        charts["nfe"] = with_published(charts["nfe"], chosen[0].task)
    return charts


def _entries(group: Sequence[Board]) -> int:
    return sum(len(board.entries) for board in group)


def order_picture(names: Sequence[str], files: Sequence[Path], set_: list[str], schedule: str) -> Chart:
    """Orders from certificates in files, or measured here."""
    from benchbox.cli.check import instances
    from benchbox.cli.site import certificates_in
    from benchbox.report.plots.exact import order_chart

    if files:
        return order_chart(certificates_in(files), schedule=schedule)
    from benchbox.exact.certificate import measured_orders
    from benchbox.exact.study import Study

    samplers = instances(list(names), set_, "sampler")
    found = [{"name": s.name, "orders": [o.as_dict() for o in measured_orders(Study(s))]} for s in samplers]
    return order_chart(found, schedule=schedule)


def budget_picture(names: Sequence[str], nfe: str, set_: list[str], schedule: str | None, grid: str | None) -> Chart:
    """The error budget of one sampler on Gaussian data."""
    from benchbox import get
    from benchbox.cli.check import instances
    from benchbox.commas import integers
    from benchbox.exact.budget import SCORE_ERROR, error_budgets, setting
    from benchbox.report.plots.exact import budget_chart

    samplers = instances(list(names), set_, "sampler")
    if len(samplers) != 1:
        raise UsageError("an error budget is of one sampler: name one.")
    of = setting(samplers[0], get("model", "gaussian"), schedule, grid, "denoise", SCORE_ERROR)
    table = error_budgets(of, integers(nfe, "--nfe", 1))
    return budget_chart(samplers[0].name, str(of), [b.as_dict() for b in table])


def pictures(
    kind: PictureKind, names: Sequence[str], nfe: str, set_: list[str], request: dict[str, Any]
) -> tuple[Lines, tuple[float, float]]:
    """A line of panels for each sampler (of samples) or each run (of a trajectory), and the range of the data."""
    from benchbox.bench.settings import parse_settings
    from benchbox.bench.sweep import Request, expand
    from benchbox.commas import integers

    cells = expand(
        Request(
            samplers=list(names), nfe=integers(nfe, "--nfe", 1), metrics=[], settings=parse_settings(set_), **request
        )
    )
    lines: dict[str, list[Panel]] = {}
    for cell in cells:
        panels = [_samples(cell)] if kind == "samples" else _trajectory(cell)
        lines.setdefault(_name(cell, kind), []).extend(panels)
    return list(lines.items()), cells[0].model.data_range or (-1.0, 1.0)


def _name(cell: Cell, kind: PictureKind) -> str:
    from benchbox.options import describe
    from benchbox.registry import registry
    from benchbox.report.table import changed_options

    options = changed_options(describe(cell.sampler), "sampler", cell.sampler.name, registry().usual)
    spent = "" if kind == "samples" or cell.nfe_requested is None else f", NFE {cell.nfe_planned}"
    return f"{cell.sampler.name} {options}".strip() + spent


def _samples(cell: Cell) -> Panel:
    from benchbox.bench.run import make_samples
    from benchbox.report.plots.gallery import Panel

    caption = "adaptive" if cell.nfe_requested is None else f"NFE {cell.nfe_requested}"
    return Panel(caption, None if cell.skip else make_samples(cell).numpy())


def _trajectory(cell: Cell) -> list[Panel]:
    from benchbox.bench.trace import trace
    from benchbox.report.plots.gallery import Panel

    if cell.skip:
        raise UsageError(f"{cell.sampler.name} cannot be run: {cell.skip}.")
    calls = trace(cell)
    last = len(calls) - 1
    shown = (
        sorted({round(i * last / (LEVELS_SHOWN - 1)) for i in range(LEVELS_SHOWN)})
        if last >= LEVELS_SHOWN
        else range(last + 1)
    )
    return [Panel(f"σ = {calls[i][0]:.3g}", calls[i][1].numpy()) for i in shown]
