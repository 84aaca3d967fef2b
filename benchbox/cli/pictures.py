"""The charts and galleries of benchbox plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchbox.cli.common import say
from benchbox.errors import UsageError

if TYPE_CHECKING:
    from benchbox.bench.cell import Cell
    from benchbox.report.plots.chart import Chart
    from benchbox.report.plots.gallery import Lines, Panel

PictureKind = Literal["samples", "trajectory"]

LEVELS_SHOWN = 10
"""The most evaluations of a trajectory that are drawn, evenly spaced."""

SERIES_NAMED = 3
"""The most series that are named as not drawn."""


def quality(
    directory: Path, costs: Sequence[str], metric: str | None, model: str | None, published: bool = False
) -> dict[str, Chart]:
    """Charts of the largest series of boards, by cost; the series that are not drawn are reported."""
    from benchbox.cli.rows import defaults_for, rows_in
    from benchbox.report.plots.quality import largest_series, quality_charts
    from benchbox.report.published import with_published
    from benchbox.report.ranking import boards
    from benchbox.report.select import selected_boards

    rows = rows_in(directory)
    defaults = defaults_for(rows)
    chosen, others = largest_series(selected_boards(boards(rows), metric, model), defaults)
    if others:
        more = f"; and {len(others) - SERIES_NAMED} others" if len(others) > SERIES_NAMED else ""
        say(f"not drawn: {'; '.join(others[:SERIES_NAMED])}{more}. Choose with --metric and --model.")
    charts = quality_charts(chosen, costs, defaults)
    if published and "nfe" in charts:
        charts["nfe"] = with_published(charts["nfe"], chosen[0].task)
    return charts


def tradeoff(directory: Path, x: str, metric: str, model: str | None, nfe: str | None) -> Chart:
    """A metric against an option or another metric, of the task with the most points; the others are reported."""
    from benchbox.cli.rows import defaults_for, rows_in
    from benchbox.commas import integers
    from benchbox.report.plots.tradeoff import tradeoff_charts

    rows = rows_in(directory)
    if model is not None:
        rows = rows[rows["model"] == model]
    if nfe is not None:
        rows = rows[rows["nfe_requested"].isin(integers(nfe, "--nfe", 1))]
    chart, *others = tradeoff_charts(rows, x, metric, defaults_for(rows))
    if others:
        say(f"not drawn: {'; '.join(other.title for other in others)}. Choose with --metric and --model.")
    return chart


def order_picture(names: Sequence[str], files: Sequence[Path], set_: list[str], schedule: str) -> Chart:
    """Orders of convergence, from certificates in files or measured now."""
    from benchbox.exact.subjects import instances
    from benchbox.report.page.evidence import certificates_in
    from benchbox.report.plots.exact import order_chart

    if files:
        return order_chart(certificates_in(files), schedule=schedule)
    from benchbox.exact.certificate import measured_orders
    from benchbox.exact.study import Study

    samplers = instances(list(names), set_, "sampler")
    certificates = [{"name": s.name, "orders": [o.as_dict() for o in measured_orders(Study(s))]} for s in samplers]
    return order_chart(certificates, schedule=schedule)


def budget_picture(names: Sequence[str], nfe: str, set_: list[str], schedule: str | None, grid: str | None) -> Chart:
    """The error budget of one sampler on Gaussian data."""
    from benchbox.commas import integers
    from benchbox.exact.budget import SCORE_ERROR, error_budgets, setting
    from benchbox.exact.subjects import instances
    from benchbox.registry import get
    from benchbox.report.plots.exact import budget_chart

    samplers = instances(list(names), set_, "sampler")
    if len(samplers) != 1:
        raise UsageError("an error budget is drawn for one sampler: give one.")
    run_setting = setting(samplers[0], get("model", "gaussian"), schedule, grid, "denoise", SCORE_ERROR)
    table = error_budgets(run_setting, integers(nfe, "--nfe", 1))
    return budget_chart(samplers[0].name, str(run_setting), [b.as_dict() for b in table])


def pictures(
    kind: PictureKind, names: Sequence[str], nfe: str, set_: list[str], request: dict[str, Any]
) -> tuple[Lines, tuple[float, float]]:
    """A line of panels for each sampler (samples) or each run (trajectory), and the data range."""
    from benchbox.bench.request import Request
    from benchbox.bench.settings import parse_settings
    from benchbox.bench.sweep import expand
    from benchbox.commas import integers

    budgets, settings = integers(nfe, "--nfe", 1), parse_settings(set_)
    cells = expand(Request(samplers=list(names), nfe=budgets, metrics=[], settings=settings, **request))
    lines: dict[str, list[Panel]] = {}
    for cell in cells:
        panels = [_samples(cell)] if kind == "samples" else _trajectory(cell)
        lines.setdefault(_name(cell, kind), []).extend(panels)
    return list(lines.items()), cells[0].model.data_range or (-1.0, 1.0)


def _name(cell: Cell, kind: PictureKind) -> str:
    from benchbox.options import describe
    from benchbox.registry import registry
    from benchbox.report.table import changed_options

    options = changed_options(describe(cell.sampler), "sampler", cell.sampler.name, registry().defaults)
    nfe = "" if kind == "samples" or cell.nfe_requested is None else f", NFE {cell.nfe_planned}"
    return f"{cell.sampler.name} {options}".strip() + nfe


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
    n_shown = min(len(calls), LEVELS_SHOWN)
    indices = sorted({round(i * (len(calls) - 1) / max(n_shown - 1, 1)) for i in range(n_shown)})
    return [Panel(f"σ = {calls[i][0]:.3g}", calls[i][1].numpy()) for i in indices]
