"""Charts, drawn by matplotlib."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.report.plots.chart import Chart, Line, Point
from benchbox.report.plots.front import name_front
from benchbox.report.plots.style import DPI, look, save_figure, styled, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALE = 0.3
HOLLOW: Any = {
    "marker": "o", "markersize": 5, "markerfacecolor": "none", "markeredgecolor": "#555555", "linestyle": "",
    "zorder": 2,
}  # fmt: skip
"""The style of published values."""
PANEL = (5.2, 3.9)
"""Width and height of one chart, in inches."""
MANY_LINES = 14
"""The most lines for which a narrow chart has room in its legend."""


def draw(charts: Sequence[Chart], path: Path) -> None:
    """Write charts, side by side with one legend, into an SVG, PNG or PDF. The output is reproducible.

    UsageError if the file cannot be written.
    """
    with styled():
        from matplotlib.figure import Figure

        names = list(dict.fromkeys(line.name for chart in charts for line in chart.lines if line.role == "line"))
        looks = {name: look(i) for i, name in enumerate(names)}
        width = max(PANEL[0] * len(charts), 6.4 if len(names) <= MANY_LINES else 10.8)
        columns = max(1, int(width / (0.7 + 0.068 * max(map(len, names), default=0))))  # inches of a name in the legend
        height = PANEL[1] + 0.6 + 0.2 * math.ceil((len(names) + 2) / columns)
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        panels = figure.subplots(1, len(charts), squeeze=False)[0]
        for axes, chart in zip(panels, charts, strict=True):
            panel(axes, chart, looks)
        draw_heading(figure, charts[0])
        legend(figure, panels, columns)
        figure.draw_without_rendering()
        for axes, chart in zip(panels, charts, strict=True):
            name_front(axes, chart)
            label_points(axes, chart)
        save_figure(figure, path, charts[0].title, charts[0].caption)


def draw_heading(figure: Figure, chart: Chart) -> None:
    """Draw the title and the caption above the panels."""
    width, height = figure.get_size_inches()
    caption = textwrap.wrap(chart.caption, int(width * 15))
    figure.text(0.012, 1 - 0.08 / height, chart.title, va="top", fontsize=12, fontweight="bold")
    figure.text(0.012, 1 - 0.33 / height, "\n".join(caption), va="top", fontsize=8.5, color="#555555")
    top = 1 - (0.38 + 0.16 * len(caption)) / height
    figure.set_layout_engine("constrained", rect=(0, 0, 1, top))


def panel(axes: Axes, chart: Chart, looks: dict[str, dict[str, Any]]) -> None:
    axes.set(xscale="log", yscale="log", xlabel=chart.x, ylabel=chart.y)
    axes.margins(x=0.12, y=0.12)
    if chart.front:
        axes.step(
            *_xy(chart.staircase), where="post", color="#bbbbbb", linewidth=5, solid_capstyle="round", zorder=1,
            label=chart.front,
        )  # fmt: skip
    wholes = iter(("-", (0, (5, 1.5))))
    for line in chart.lines:
        match line.role:
            case "guide":
                draw_guide(axes, line)
            case "whole":
                draw_line(axes, line, {"color": "black", "marker": "o", "linestyle": next(wholes, ":")})
            case "line":
                draw_line(axes, line, looks[line.name])
            case "published":
                axes.plot(*_xy(line.points), **HOLLOW, label=line.name)
    axes.grid(which="major")
    for axis in (axes.xaxis, axes.yaxis):
        ticks(axis, *sorted(axis.get_view_interval()))


def label_points(axes: Axes, chart: Chart) -> None:
    """Write the labels beside the points."""
    for point in (point for line in chart.lines for point in line.points if chart.labelled):
        axes.annotate(
            point.label, (point.x, point.y), (6, 4), textcoords="offset points", fontsize=7.5, color="#222222", zorder=6
        )  # fmt: skip


def draw_guide(axes: Axes, line: Line) -> None:
    """Draw a thin dashed line with its name below the middle."""
    first, last = line.points[0], line.points[-1]
    axes.plot(*_xy(line.points), color="#222222", linewidth=1, linestyle=(0, (2, 2)), zorder=2)
    axes.annotate(
        line.name, (math.sqrt(first.x * last.x), math.sqrt(first.y * last.y)), (-4, -3), textcoords="offset points",
        ha="right", va="top", fontsize=7.5, color="#222222",
    )  # fmt: skip


def draw_line(axes: Axes, line: Line, style: dict[str, Any]) -> None:
    """A line through all points, strong points emphasised, with bars where the interval is known."""
    colour, marker = style["color"], style["marker"]
    strong, pale = ([p for p in line.points if p.strong is flag] for flag in (True, False))
    axes.plot(*_xy(line.points), **(style | {"marker": ""}), linewidth=1.4, alpha=1 if not pale else 0.55, zorder=3)
    for points, alpha in ((strong, 1.0), (pale, PALE)):
        intervals = [p for p in points if math.isfinite(p.low + p.high)]
        if intervals:
            x, y = _xy(intervals)
            bars = [[p.y - max(p.low, p.y * 1e-3) for p in intervals], [p.high - p.y for p in intervals]]
            axes.errorbar(x, y, bars, fmt="none", ecolor=colour, elinewidth=1, capsize=2.5, alpha=alpha, zorder=3)
        # white below a pale marker, so that the line does not show through
        axes.plot(*_xy(points), marker=marker, color="white", linestyle="", markersize=6.5, zorder=4)
        axes.plot(*_xy(points), marker=marker, color=colour, linestyle="", markersize=6.5, alpha=alpha, zorder=5)
    axes.plot([], [], **style, linewidth=1.4, label=line.name)


def _xy(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [p.x for p in points], [p.y for p in points]


def legend(figure: Figure, panels: Sequence[Axes], columns: int) -> None:
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=columns, handlelength=3)
