"""A chart as data: lines of points with intervals, on logarithmic axes. Independent of the drawing backend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

Role = Literal["line", "whole", "guide", "published"]
"""A measured line; a whole run (black); a guide to the eye (thin, dashed); published points (hollow, not joined)."""

T = TypeVar("T")

INTERVALS_CLAUSE = "Bands or bars: 95 % intervals"
"""The clause of a caption about intervals."""


@dataclass(frozen=True)
class Point:
    """A measurement with x, y > 0 and the interval of y (nan: unknown)."""

    x: float
    y: float
    low: float = math.nan
    high: float = math.nan
    label: str = ""
    """A short label, such as its budget."""
    strong: bool = True
    """Whether it is on the front, or in the asymptotic range. Other points are drawn pale."""


@dataclass(frozen=True)
class Line:
    """The points of one setup, in drawing order."""

    name: str
    points: tuple[Point, ...]
    role: Role = "line"
    muted: bool = False
    """Whether a page hides it at first."""
    grey: bool = False
    """Whether it is grey and without intervals: one of the others. A page draws it in black when it is picked."""
    note: str = ""
    """A sentence for the caption, where the line is drawn."""


@dataclass(frozen=True)
class Chart:
    """A chart with everything that is needed to read it on its own."""

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    caption: str = ""
    front: str = ""
    """Name of the staircase through the strong points; "" for none."""
    highest: bool = False
    """Whether higher y is better."""
    labelled: bool = False
    """Whether every point has its label beside it."""
    ticks: tuple[float, ...] = ()
    """Values of x that were asked for, such as budgets: preferred ticks."""

    @property
    def intervals(self) -> bool:
        """Whether any interval is drawn: known, of a line in colour."""
        return any(math.isfinite(p.low + p.high) for line in self.lines if not line.grey for p in line.points)

    @property
    def notes(self) -> str:
        """The caption, with the notes of all lines."""
        return " ".join(filter(None, [self.caption, *(line.note for line in self.lines)]))

    @property
    def staircase(self) -> list[Point]:
        """The strong points from left to right; empty without a front."""
        return sorted(self._strong(), key=lambda p: (p.x, p.y)) if self.front else []

    def _strong(self) -> Iterable[Point]:
        return (p for line in self.lines if line.role == "line" for p in line.points if p.strong)

    def as_dict(self) -> dict[str, Any]:
        """The chart as plain values, for the page's script; an unknown end of an interval is None."""
        return {
            "title": self.title, "x": self.x, "y": self.y, "caption": self.caption, "front": self.front,
            "highest": self.highest, "ticks": self.ticks,
            "lines": [
                {
                    "name": line.name, "role": line.role, "muted": line.muted, "grey": line.grey, "note": line.note,
                    "points": [_point_values(point) for point in line.points],
                }
                for line in self.lines
            ],
        }  # fmt: skip


def _point_values(point: Point) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in vars(point).items()}


def with_equal_looks(charts: Mapping[T, Chart]) -> dict[T, Chart]:
    """The charts, with each line in colour in all of them if it is in one."""
    coloured = {line.name for chart in charts.values() for line in chart.lines if not line.grey}
    return {
        key: replace(chart, lines=tuple(replace(line, grey=line.name not in coloured) for line in chart.lines))
        for key, chart in charts.items()
    }


def drawable(x: float, y: float) -> bool:
    """Whether a point can be drawn on logarithmic axes."""
    return 0 < x < math.inf and 0 < y < math.inf


def non_dominated(points: Iterable[Point], highest: bool = False) -> set[Point]:
    """The Pareto front: points that no other point matches in both x and y and beats in one of them.

    Lower x is better; lower y, or higher y if `highest`. Equal points are all kept.
    """
    best, front = math.inf, set[Point]()
    columns: dict[float, list[Point]] = {}
    for point in points:
        columns.setdefault(point.x, []).append(point)
    for x in sorted(columns):
        least = min(_loss(p, highest) for p in columns[x])
        if least < best:
            best = least
            front |= {p for p in columns[x] if _loss(p, highest) == least}
    return front


def _loss(point: Point, highest: bool) -> float:
    return -point.y if highest else point.y
