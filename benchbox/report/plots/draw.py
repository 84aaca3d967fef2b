"""Charts, drawn by matplotlib."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.report.plots.axis import limits, outside_of_frame, set_ticks
from benchbox.report.plots.chart import Chart
from benchbox.report.plots.front import name_front
from benchbox.report.plots.marks import draw_guide, draw_line, draw_others, draw_published
from benchbox.report.plots.style import DPI, look, save_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = (5.2, 3.9)
"""Width and height of each of several charts, in inches."""
ALONE = 7.8
"""The width of a single chart."""
MANY_LINES = 14
"""The most lines for which a narrow chart has room in its legend."""


def draw(charts: Sequence[Chart], path: Path) -> None:
    """Write charts, side by side with one legend, into an SVG, PNG or PDF. The output is reproducible.

    UsageError if the file cannot be written.
    """
    with styled():
        from matplotlib.figure import Figure

        lines = [line for chart in charts for line in chart.lines if line.role == "line"]
        names = list(dict.fromkeys(line.name for line in lines if not line.grey))
        looks = {name: look(i) for i, name in enumerate(names)}
        n_others = len({line.name for line in lines} - set(names))
        width = max(PANEL[0] * len(charts), ALONE if len(names) <= MANY_LINES else 10.8)
        columns = max(1, int(width / (0.7 + 0.068 * max(map(len, names), default=0))))  # inches of a name in the legend
        height = PANEL[1] + 0.6 + 0.2 * math.ceil((len(names) + 2) / columns)
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        panels = figure.subplots(1, len(charts), squeeze=False)[0]
        for axes, chart in zip(panels, charts, strict=True):
            panel(axes, chart, looks, f"{n_others} other{'s' if n_others > 1 else ''}")
        draw_heading(figure, charts)
        legend(figure, panels, columns)
        figure.draw_without_rendering()
        for axes, chart in zip(panels, charts, strict=True):
            name_front(axes, chart)
            label_points(axes, chart)
        save_figure(figure, path, charts[0].title, caption_of(charts))


def caption_of(charts: Sequence[Chart]) -> str:
    """The sentences of all captions, each once, and the number of points outside of the frames."""
    sentences = [s for chart in charts for s in re.split(r"(?<=\.) (?=[A-Z])", chart.notes)]
    outside = sum(outside_of_frame(chart) for chart in charts)
    sentences += [f"Grey points outside of the frame: {outside}."] if outside else []
    return " ".join(dict.fromkeys(sentences))


def draw_heading(figure: Figure, charts: Sequence[Chart]) -> None:
    """Draw the title and the caption above the panels."""
    width, height = figure.get_size_inches()
    caption = textwrap.wrap(caption_of(charts), int(width * 15))
    figure.text(0.012, 1 - 0.08 / height, charts[0].title, va="top", fontsize=12, fontweight="bold")
    figure.text(0.012, 1 - 0.33 / height, "\n".join(caption), va="top", fontsize=8.5, color="#555555")
    top = 1 - (0.38 + 0.16 * len(caption)) / height
    figure.set_layout_engine("constrained", rect=(0, 0, 1, top))


def panel(axes: Axes, chart: Chart, looks: dict[str, dict[str, Any]], others: str = "others") -> None:
    """Draw a chart. looks: the style of each line in colour; others: the grey lines in the legend."""
    x, y = limits(chart)
    axes.set(xscale="log", yscale="log", xlabel=chart.x, ylabel=chart.y, xlim=x, ylim=y)
    if chart.staircase:
        corners = [(p.x, p.y) for p in chart.staircase]
        axes.step(
            *zip(*corners, strict=True), where="post", color="#cfcfca", linewidth=5, solid_capstyle="round", zorder=1,
            label=chart.front,
        )  # fmt: skip
    wholes = iter(("-", (0, (5, 1.5))))
    for line in chart.lines:
        match line.role:
            case "guide":
                draw_guide(axes, line)
            case "whole":
                draw_line(axes, line, {"color": "black", "marker": "o", "linestyle": next(wholes, ":")})
            case "line" if not line.grey:
                draw_line(axes, line, looks[line.name])
            case "published":
                draw_published(axes, line)
    draw_others(axes, [line for line in chart.lines if line.grey], others)
    axes.set_axisbelow(True)
    axes.grid(which="major")
    set_ticks(axes.xaxis, *x, chart.ticks, whole=chart.x.startswith("NFE"))
    set_ticks(axes.yaxis, *y)


def label_points(axes: Axes, chart: Chart) -> None:
    """Write the labels beside the points."""
    for point in (point for line in chart.lines for point in line.points if chart.labelled):
        axes.annotate(
            point.label, (point.x, point.y), (6, 4), textcoords="offset points", fontsize=7.5, color="#222222", zorder=6
        )  # fmt: skip


def legend(figure: Figure, panels: Sequence[Axes], columns: int) -> None:
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=columns, handlelength=3)
