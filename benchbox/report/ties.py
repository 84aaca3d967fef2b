"""Which of several measured values differ, and the ranks that follow: a rank is a range where values are tied.

A rank range is 1 + the number of the significantly better to n − the number of the significantly worse (Goldstein and
Spiegelhalter 1996; as confidence sets: Mogstad, Romano, Shaikh and Wilhelm 2024). What differs is found by the
Newman–Keuls procedure (Newman 1939, Keuls 1952): among neighbours in rank, the widest ranges first, each by the law of
the studentised range of that many equal values; nothing inside a range that is not rejected is separated. So any group
of equal samplers is tied as a whole with probability 1 − LEVEL, however many stand on the board.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtr, ndtri, stdtr, stdtrit

LEVEL = 0.07
"""Probability that equals are separated: with it, four standard errors of a difference are told in over 95 % of cases.

At 0.05 that fails with five seeds each, at 0.1 equals are tied in 90 % only (measured: docs/leaderboards.md).
"""

CONFIDENCE = 0.95
"""Of the intervals that are read from rows and shown."""

CONTRADICTED = 0.01
"""Probability that seeds of a right interval are found to spread too much for it."""

NORMAL = float(ndtri(0.5 + CONFIDENCE / 2))


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error (nan: unknown) and the degrees of freedom of that (inf: taken as known)."""

    value: float
    error: float = math.nan
    dof: float = math.inf

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval; nan where the error is unknown."""
        return self.error * float(stdtrit(self.dof, 0.5 + CONFIDENCE / 2))


def mean(values: Sequence[float], errors: Sequence[float] = ()) -> Estimate:
    """The mean of a value over seeds, with its standard error.

    `errors` are those of the single values, nan where unknown. They give that of the mean, unless the spread over
    seeds contradicts them (χ² test at 1 %) or one is unknown: then the spread does. A single value has its own.
    """
    n, value = len(values), math.fsum(values) / len(values)
    stated = math.sqrt(math.fsum(e * e for e in errors)) / n if len(errors) == n else math.nan
    if n == 1:
        return Estimate(value, stated)
    spread = math.sqrt(math.fsum((v - value) ** 2 for v in values) / (n - 1) / n)
    most = stated * math.sqrt(chdtri(n - 1, CONTRADICTED) / (n - 1))
    return Estimate(value, stated) if spread <= most else Estimate(value, spread, n - 1)


def difference(a: Estimate, b: Estimate) -> Estimate:
    """a − b of independent estimates (Welch 1947). An unknown error is as large as the other's."""
    error_a, error_b = (
        (b.error, b.error) if math.isnan(a.error) else (a.error, a.error if math.isnan(b.error) else b.error)
    )
    parts = (error_a**2, a.dof), (error_b**2, b.dof)
    variance = math.fsum(v for v, _ in parts)
    spread = math.fsum(v * v / dof for v, dof in parts)
    return Estimate(a.value - b.value, math.sqrt(variance), variance**2 / spread if spread > 0 else math.inf)


def p_value(d: Estimate) -> float:
    """Two-sided, of a difference of zero; nan where nothing is known of its error."""
    if d.error == 0:
        return float(d.value == 0)
    return 2 * float(stdtr(d.dof, -abs(d.value) / d.error))


def range_tail(p: NDArray[Any], n: int) -> NDArray[Any]:
    """Probability that among n equal values the extremes differ with a p-value below p (the studentised range)."""
    x = np.linspace(-8, 8, 401)
    q = -math.sqrt(2) * ndtri(np.clip(p, 1e-300, 1) / 2)
    inside = (ndtr(x) - ndtr(x - q[..., None])) ** (n - 1)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return np.asarray(1 - n * (density * inside).sum(-1) * (x[1] - x[0]))


def separated(estimates: Sequence[Estimate], level: float = LEVEL) -> NDArray[np.bool_]:
    """(n, n): which pairs differ, by Newman–Keuls; pairs of which nothing is known do not."""
    n, order = len(estimates), np.argsort([e.value for e in estimates], kind="stable")
    p = np.ones((n, n))
    for a, b in combinations(range(n), 2):
        found = p_value(difference(estimates[order[a]], estimates[order[b]]))
        p[a, b] = 1.0 if math.isnan(found) else found
    least = p.copy()  # [i, j]: the least of all pairs from i to j
    for width in range(2, n):
        i = np.arange(n - width)
        j = i + width
        least[i, j] = np.minimum(p[i, j], np.minimum(least[i + 1, j], least[i, j - 1]))
    rejected = np.ones((n + 2, n + 2), bool)  # [i + 1, j + 1]: the range from i to j; what is wider than all is
    differ = np.zeros((n, n), bool)
    for width in range(n - 1, 0, -1):
        i = np.arange(n - width)
        j = i + width
        now = (range_tail(least[i, j], width + 1) <= level) & rejected[i, j + 1] & rejected[i + 1, j + 2]
        rejected[i + 1, j + 1] = now
        differ[order[i], order[j]] = differ[order[j], order[i]] = now & (p[i, j] <= level)
    return differ


def rank_ranges(estimates: Sequence[Estimate], level: float = LEVEL) -> list[tuple[int, int]]:
    """The first and the last rank that each may have, the least value first.

    Of an estimate whose error is unknown, both are its place in the order of values.
    """
    values = np.array([e.value for e in estimates])
    differ = separated(estimates, level)
    below = (differ & (values[None] < values[:, None])).sum(1)
    above = (differ & (values[None] > values[:, None])).sum(1)
    places = [1 + int((values < v).sum()) for v in values]
    return [
        (place, place) if math.isnan(e.error) else (1 + int(b), len(values) - int(a))
        for e, place, b, a in zip(estimates, places, below, above, strict=True)
    ]
