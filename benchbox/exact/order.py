"""Orders of convergence: the slope of an error against intervals, where it is asymptotic."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from benchbox.errors import UsageError
from benchbox.exact.law import noised, propagate
from benchbox.exact.refusal import is_refusal
from benchbox.grid import Grid, Levels
from benchbox.models.gaussian import Gaussian
from benchbox.registry import get
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

SIGMAS = (0.05, 10.0)
"""The range of levels on which laws and orders are measured: noise well below and well above the data's scale."""

FIRST, LAST = 8, 1024
"""Intervals of the first rung of the ladder, and of the last one that is tried."""

FLOOR = 1e-10
"""Errors below this are rounding."""

SETTLED_SLOPES = 0.03
"""Neighbouring local slopes that differ by less have settled: the ladder ends."""

WIDTHS = (0.06, 0.15)
"""How far slopes of one asymptotic range may lie from the last: the first width that holds two of them counts."""

TOLERANCE = 0.25
"""How far below its claim a measured order may lie."""


@dataclass(frozen=True)
class SlopeFit:
    """Errors over a ladder of intervals, and the order in the range (first, last rung) where it is asymptotic."""

    intervals: tuple[int, ...]
    errors: tuple[float, ...]
    order: float | None
    asymptotic: tuple[int, int] | None

    @property
    def locals(self) -> tuple[float, ...]:
        """log₂ of the ratio of neighbouring errors."""
        return tuple(_local(a, b) for a, b in pairwise(self.errors))

    def supports(self, claim: int) -> bool:
        """Whether the measurement bears out a claimed order; an error that is rounding everywhere does."""
        if self.order is None:
            return max(self.errors) < FLOOR
        return self.order >= claim - TOLERANCE

    @property
    def table(self) -> str:
        """Errors and local slopes, rung by rung."""
        slopes = ["", *(f" (slope {p:.2f})" for p in self.locals)]
        return ", ".join(f"{n}: {e:.2e}{p}" for n, e, p in zip(self.intervals, self.errors, slopes, strict=True))


def _local(coarse: float, fine: float) -> float:
    return math.log2(coarse / fine) if coarse > 0 and fine > 0 and math.isfinite(coarse + fine) else math.nan


def climb(error: Callable[[int], float], claim: int | None = None, floor: float = FLOOR, last: int = LAST) -> SlopeFit:
    """Double the intervals until two neighbouring slopes agree (and reach a claim), or to the end."""
    intervals: list[int] = []
    errors: list[float] = []
    n = FIRST
    while n <= last:
        try:
            e = error(n)
        except Exception as problem:
            if not is_refusal(problem):
                raise
            n *= 2  # a method may ask for more levels than this
            continue
        intervals.append(n)
        errors.append(e)
        if not e > floor or (len(errors) > 3 and _done(errors, claim)):
            break
        n *= 2
    return judge(intervals, errors, floor)


def _done(errors: list[float], claim: int | None) -> bool:
    before, now = _local(*errors[-3:-1]), _local(*errors[-2:])
    return abs(now - before) < SETTLED_SLOPES and (claim is None or now > claim - 2 * SETTLED_SLOPES)


def judge(intervals: list[int], errors: list[float], floor: float) -> SlopeFit:
    """The order over the longest final range of rungs, above rounding, whose local slopes agree with the last one.

    Where no two agree, the order is the mean of the last three slopes, and there is no asymptotic range.
    """
    rungs = tuple(intervals), tuple(errors)
    above = next((i for i, e in enumerate(errors) if not e > floor), len(errors))
    slopes = [_local(a, b) for a, b in pairwise(errors[:above])]
    if len(slopes) < 2 or math.isnan(slopes[-1]):
        return SlopeFit(*rungs, None, None)
    ranges = [i for width in WIDTHS if (i := _first(slopes, width)) < len(slopes) - 1]
    first = ranges[0] if ranges else max(len(slopes) - 3, 0)
    order = math.log2(errors[first] / errors[above - 1]) / (above - 1 - first)
    return SlopeFit(*rungs, order, (intervals[first], intervals[above - 1]) if ranges else None)


def _first(slopes: list[float], width: float) -> int:
    """Where the final run of slopes within a width of the last one begins."""
    first = len(slopes) - 1
    while first > 0 and abs(slopes[first - 1] - slopes[-1]) < width:
        first -= 1
    return first


def suited(
    sampler: Sampler,
    schedule: Schedule,
    accepts: Callable[[Levels], object],
    sigmas: tuple[float, float] = SIGMAS,
    n_levels: int = 6,
) -> Grid:
    """The sampler's recommended grid, or the first other that it accepts (a multistep method may want equal steps)."""
    problem: Exception | None = None
    for name in dict.fromkeys([sampler.grid or "karras", "uniform", "logsnr"]):
        grid: Grid = get("grid", name, sigma_min=sigmas[0], sigma_max=sigmas[1])
        try:
            accepts(Levels.cut(schedule, grid, n_levels))
        except (ValueError, UsageError) as error:
            problem = problem or error
        else:
            return grid
    assert problem is not None
    raise problem


def weak_slope(sampler: Sampler, model: Gaussian, schedule: Schedule, grid: Grid, last: int = LAST) -> SlopeFit:
    """Exact W2 at the last level, without the last denoise, from the exact law at the first: discretisation alone."""

    def error(intervals: int) -> float:
        levels = Levels.cut(schedule, grid, intervals + 1)
        law = propagate(sampler, model, levels)
        return law.w2(noised(model, levels.sigmas[-1]), noised(model, levels.sigmas[0]))

    return climb(error, sampler.order, last=last)
