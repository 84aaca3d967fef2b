"""The lines of a chart, drawn by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchbox.report.plots.chart import Line, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALE = 0.4
"""The opacity of points that are not strong."""

BAND = 0.13
"""The opacity of a band of intervals."""

GREY: Any = {"color": "#b8b8b4", "marker": "o", "linestyle": "-", "linewidth": 0.8, "markersize": 2.5, "zorder": 1.5}
"""The style of the other lines."""

HOLLOW: Any = {
    "marker": "o", "markersize": 5, "markerfacecolor": "none", "markeredgecolor": "#555555", "linestyle": "",
    "zorder": 2,
}  # fmt: skip
"""The style of published values."""


def draw_line(axes: Axes, line: Line, style: dict[str, Any]) -> None:
    """A line through all points, strong points emphasised, with its intervals."""
    colour, marker = style["color"], style["marker"]
    axes.plot(*_xy(line.points), **(style | {"marker": ""}), linewidth=1.6, zorder=3)
    draw_intervals(axes, [p for p in line.points if math.isfinite(p.low + p.high)], colour)
    for strong, alpha in ((True, 1.0), (False, PALE)):
        points = [p for p in line.points if p.strong is strong]
        # white below a pale marker, so that the line does not show through
        axes.plot(*_xy(points), marker=marker, color="white", linestyle="", markersize=6.5, zorder=4)
        axes.plot(*_xy(points), marker=marker, color=colour, linestyle="", markersize=6.5, alpha=alpha, zorder=5)
    axes.plot([], [], **style, linewidth=1.6, label=line.name)


def draw_intervals(axes: Axes, points: Sequence[Point], colour: str) -> None:
    """The intervals of a line's points as a band; as bars, where there is one or x does not rise."""
    x, low = [p.x for p in points], [max(p.low, p.y * 1e-3) for p in points]
    if len(points) > 1 and all(a < b for a, b in pairwise(x)):
        axes.fill_between(x, low, [p.high for p in points], color=colour, alpha=BAND, linewidth=0, zorder=2)
    elif points:
        bars = [p.y - end for p, end in zip(points, low, strict=True)], [p.high - p.y for p in points]
        axes.errorbar(*_xy(points), bars, fmt="none", ecolor=colour, elinewidth=1, capsize=2.5, zorder=3)


def draw_others(axes: Axes, lines: Sequence[Line], label: str) -> None:
    """Grey lines, which share one entry of the legend."""
    for line in lines:
        axes.plot(*_xy(line.points), **GREY)
    if lines:
        axes.plot([], [], **GREY, label=label)


def draw_published(axes: Axes, line: Line) -> None:
    axes.plot(*_xy(line.points), **HOLLOW, label=line.name)


def draw_guide(axes: Axes, line: Line) -> None:
    """A thin dashed line, named below its middle; a level one crosses the frame, and is named at its right end."""
    first, last = line.points[0], line.points[-1]
    style: Any = {"color": "#222222", "linewidth": 1, "linestyle": (0, (2, 2)), "zorder": 2.5}
    if first.y == last.y:
        axes.axhline(first.y, **style)
        axes.annotate(
            line.name.replace(": ", ":\n"), (1, first.y), (5, 0), xycoords=axes.get_yaxis_transform(),
            textcoords="offset points", va="center", fontsize=8, color="#222222",
        )  # fmt: skip
        return
    axes.plot(*_xy(line.points), **style)
    axes.annotate(
        line.name, (math.sqrt(first.x * last.x), math.sqrt(first.y * last.y)), (-4, -3), textcoords="offset points",
        ha="right", va="top", fontsize=7.5, color="#222222",
    )  # fmt: skip


def _xy(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [p.x for p in points], [p.y for p in points]
