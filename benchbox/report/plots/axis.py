"""The limits and the ticks of a chart's logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from benchbox.report.plots.chart import Chart, Point

Limits = tuple[float, float]
"""The ends of an axis."""

ROOM = 0.08
"""The room beyond the values at both ends of an axis, as a part of their range; relative, where all are equal."""

EQUAL = 1e-4
"""Values within this relative range are equal: ticks between them would have equal labels."""

TICKS_APART = 1 / 20
"""Ticks that were asked for are apart by this part of the axis at least."""


def limits(chart: Chart) -> tuple[Limits, Limits]:
    """The limits of x and y. x holds all points; y those in colour and the front, and their intervals within a factor.

    The rest of the grey lines may leave the frame, so that the best ones can be told apart.
    """
    factor = 1.5 if any(line.grey for line in chart.lines) else 3.0
    coloured = any(line.points for line in chart.lines if line.role != "guide" and not line.grey)
    held = [point for line in chart.lines if not (coloured and line.grey) for point in line.points]
    x = _room(point.x for line in chart.lines for point in line.points)
    return x, _room(y for point in [*held, *chart.staircase] for y in _near(point, factor))


def outside_of_frame(chart: Chart) -> int:
    """The number of points above or below the limits."""
    low, high = limits(chart)[1]
    return sum(not low <= point.y <= high for line in chart.lines for point in line.points)


def _near(point: Point, factor: float) -> tuple[float, float]:
    """The ends of the interval of a point; an end that is further away than the factor is cut."""
    low, high = (point.low, point.high) if math.isfinite(point.low + point.high) else (point.y, point.y)
    return max(low, point.y / factor), min(high, point.y * factor)


def _room(values: Iterable[float]) -> Limits:
    """Limits with room at both ends, in proportion to the range of the values."""
    numbers = list(values)
    low, high = min(numbers), max(numbers)
    room = 1 + ROOM if math.isclose(low, high, rel_tol=EQUAL) else (high / low) ** ROOM
    return low / room, high * room


def preferred(ticks: Sequence[float], low: float, high: float) -> list[float]:
    """The ticks that are not too close; none for a single one, which shows no scale, or for half a decade without."""
    inside = [tick for tick in ticks if low <= tick <= high]
    if len(inside) < 2 or inside[0] / low > 10**0.5 or high / inside[-1] > 10**0.5:
        return []
    chosen = inside[:1]
    for tick in inside[1:]:
        if math.log(tick / chosen[-1]) >= TICKS_APART * math.log(high / low):
            chosen.append(tick)
    return chosen


def set_ticks(axis: Any, low: float, high: float, wanted: Sequence[float] = (), whole: bool = False) -> None:
    """Readable ticks: the wanted ones; or 5, 10, 20 over a few decades, powers of ten over many, even steps.

    whole: even steps are of whole numbers.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

    ratio, chosen = high / low, preferred(wanted, low, high)
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    if chosen:
        axis.set_major_locator(FixedLocator(chosen))
    elif ratio < 5:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=whole, min_n_ticks=1))
    elif ratio < 1e3:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    else:
        axis.set_major_locator(LogLocator(numticks=7))
        axis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))


def power(value: float) -> str:
    """10⁻³ for 0.001."""
    return "10" + str(round(math.log10(value))).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
