"""The charts of benchbox plot: quality, trade-offs, orders of convergence, error budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchbox.cli.common import say
from benchbox.errors import UsageError, unknown

if TYPE_CHECKING:
    from benchbox.report.board import Board
    from benchbox.report.plots.chart import Chart

SERIES_NAMED = 3
"""The most series that are named as not drawn."""


def quality(
    directory: Path, costs: Sequence[str], selection: Mapping[str, str | None], published: bool = False
) -> dict[str, Chart]:
    """Charts of the largest series of boards, by cost; the series that are not drawn are reported.

    selection: the metric, model, schedule and grid of the boards; None for all.
    """
    from benchbox.cli.rows import defaults_for, rows_in
    from benchbox.report.headings import board_title
    from benchbox.report.plots.quality import largest_series, quality_charts
    from benchbox.report.published import with_published
    from benchbox.report.ranking import boards
    from benchbox.report.select import boards_of_levels, selected_boards

    rows = rows_in(directory)
    defaults = defaults_for(rows)
    selected = selected_boards(boards(rows), selection["metric"], selection["model"])
    chosen, others = largest_series(boards_of_levels(selected, selection["schedule"], selection["grid"]))
    if others:
        titles = [board_title(group[0], defaults, budgets=False) for group in others]
        more = f"; and {len(others) - SERIES_NAMED} others" if len(others) > SERIES_NAMED else ""
        say(f"not drawn: {'; '.join(titles[:SERIES_NAMED])}{more}. {advice([chosen, *others])}")
    charts = quality_charts(chosen, costs, defaults)
    if published and "nfe" in charts:
        charts["nfe"] = with_published(charts["nfe"], chosen[0].task)
    return charts


def advice(groups: Sequence[Sequence[Board]]) -> str:
    """How to draw another series: by the options that tell the series apart, or on the page."""
    from benchbox.report.select import levels_name

    keys = [
        (g[0].task.metric, g[0].task.model, *(levels_name(g[0], kind) for kind in ("schedule", "grid"))) for g in groups
    ]
    names = zip(("--metric", "--model", "--schedule", "--grid"), zip(*keys, strict=True), strict=True)
    options = [option for option, values in names if len(set(values)) > 1]
    sentences = [f"Choose with {', '.join(options)}."] if options else []
    if len(set(keys)) < len(keys):
        sentences.append("benchbox leaderboard --format html draws all.")
    return " ".join(sentences)


def tradeoff(directory: Path, x: str, selection: Mapping[str, str | None], nfe: str | None) -> Chart:
    """A metric against an option or another metric, of the task with the most points; the others are reported."""
    from benchbox.cli.rows import defaults_for, rows_in
    from benchbox.commas import integers
    from benchbox.report.plots.tradeoff import tradeoff_charts

    rows = rows_in(directory)
    for column in ("model", "schedule", "grid"):
        if (name := selection[column]) is not None:
            rows, names = rows[rows[column] == name], set(rows[column].dropna())
            if rows.empty:
                raise unknown(f"{column} among the rows", name, names)
    if nfe is not None:
        budgets = set(rows["nfe_requested"].dropna())
        rows = rows[rows["nfe_requested"].isin(integers(nfe, "--nfe", 1))]
        if rows.empty:
            raise unknown("budget among the rows", nfe, [f"{budget:g}" for budget in budgets])
    chart, *others = tradeoff_charts(rows, x, selection["metric"] or "fid", defaults_for(rows))
    if others:
        choose = " Choose with --model." if rows["model"].nunique() > 1 else ""
        say(f"not drawn: {'; '.join(other.title for other in others)}.{choose}")
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
