"""A chart as data: points with intervals, in lines, on two logarithmic axes. It knows nothing of what draws it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["line", "whole", "guide", "published"]
"""A measured line; one that sums up the others (black); one that only guides the eye (thin, dashed); and points that
somebody else measured (hollow, not joined)."""


@dataclass(frozen=True)
class Point:
    """A measurement, x and y > 0, with the interval of y (nan: unknown)."""

    x: float
    y: float
    low: float = math.nan
    high: float = math.nan
    label: str = ""
    """What it is, in a few words: its budget."""
    strong: bool = True
    """Whether it counts: it is on the front, or in the asymptotic range. Others are drawn pale."""


@dataclass(frozen=True)
class Line:
    """Points of one thing, in the order in which they are joined."""

    name: str
    points: tuple[Point, ...]
    role: Role = "line"
    muted: bool = False
    """Whether a page draws it only when it is asked to."""


@dataclass(frozen=True)
class Chart:
    """What is drawn, and all that a reader needs who sees nothing else."""

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    caption: str = ""
    front: str = ""
    """What the staircase through the strong points is called; without a name there is none."""
    highest: bool = False
    """Whether more of y is better."""

    @property
    def staircase(self) -> list[Point]:
        """The strong points from left to right, where there is a front."""
        return sorted(self._strong(), key=lambda p: (p.x, p.y)) if self.front else []

    def _strong(self) -> Iterable[Point]:
        return (p for line in self.lines if line.role == "line" for p in line.points if p.strong)

    def as_dict(self) -> dict[str, Any]:
        """In plain values, as the page's script draws it; an unknown end of an interval is None."""
        return {
            "title": self.title, "x": self.x, "y": self.y, "caption": self.caption, "front": self.front,
            "highest": self.highest,
            "lines": [
                {
                    "name": line.name, "role": line.role, "muted": line.muted,
                    "points": [_point_values(point) for point in line.points],
                }
                for line in self.lines
            ],
        }  # fmt: skip


def _point_values(point: Point) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in vars(point).items()}


def drawable(x: float, y: float) -> bool:
    """Whether a point has a place on logarithmic axes."""
    return 0 < x < math.inf and 0 < y < math.inf


def non_dominated(points: Iterable[Point], highest: bool = False) -> set[Point]:
    """The Pareto front: no other point is as good in x (less is better) and y, and better in one of them.

    Less of y is better, or more where `highest`. Of equal points all stay.
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
