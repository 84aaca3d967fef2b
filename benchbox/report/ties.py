"""Which of several measured values differ, and the ranks that follow: a rank is a range where values are tied.

A rank range is 1 + the number of the significantly better to n − the number of the significantly worse (Goldstein and
Spiegelhalter 1996; as confidence sets: Mogstad, Romano, Shaikh and Wilhelm 2024). What differs is found by the
Newman–Keuls procedure (Newman 1939, Keuls 1952): among neighbours in rank, the widest ranges first; nothing inside a
range that is not rejected is separated. A range is rejected by the law of the studentised range of that many equal
values, or where its first or its last is too far from the mean of the others (Nair 1948): the best of twenty is told
from the other nineteen together where it could not be told from each. So any group of equal samplers is tied as a whole
with probability 1 − LEVEL, however many stand on the board.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from benchbox.report.estimate import Estimate, average, difference, moderated, p_value

TIE_LEVEL = 0.07
"""Probability that equals are separated: with it, four standard errors of a difference are told in over 95 % of cases.

At 0.05 that fails with five seeds each, at 0.1 equals are tied in 90 % only (measured: docs/leaderboards.md).
"""

TEST_SHARE = 0.71
"""Of the level, for each of the two tests of a range; as they often reject together, together they use it up."""


def range_tail(p: NDArray[Any], n: int) -> NDArray[Any]:
    """Probability that among n equal values the extremes differ with a p-value below p (the studentised range)."""
    x = np.linspace(-8, 8, 401)
    q = -math.sqrt(2) * ndtri(np.clip(p, 1e-300, 1) / 2)
    inside = (ndtr(x) - ndtr(x - q[..., None])) ** (n - 1)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return np.asarray(1 - n * (density * inside).sum(-1) * (x[1] - x[0]))


def deviation_tail(group: Sequence[Estimate]) -> float:
    """A bound on the probability that one of so many equals is as far from the mean of the others as an end is here.

    group: in the order of values. 1 where an error is unknown.
    """
    if any(math.isnan(e.error) for e in group):
        return 1.0
    ends = (group[0], group[1:]), (group[-1], group[:-1])
    return min(1.0, len(group) * min(p_value(difference(end, average(rest))) for end, rest in ends))


def separated(estimates: Sequence[Estimate], level: float = TIE_LEVEL) -> NDArray[np.bool_]:
    """(n, n): which pairs differ; pairs of which nothing is known do not."""
    n, errors = len(estimates), np.nan_to_num([e.error for e in estimates], nan=math.inf)
    order = np.lexsort(
        (errors, np.array([e.value for e in estimates]))
    )  # so that nothing hangs on the order in which they come
    placed = moderated([estimates[i] for i in order])
    p = _p_values(placed)
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
        share = level * TEST_SHARE if width > 1 else level  # of two values, both tests are the same
        far = range_tail(least[i, j], width + 1) <= share
        now = rejected[i, j + 1] & rejected[i + 1, j + 2]
        for k in np.flatnonzero(now & ~far) if width > 1 else ():
            far[k] = deviation_tail(placed[k : k + width + 1]) <= share
        rejected[i + 1, j + 1] = now = now & far
        differ[order[i], order[j]] = differ[order[j], order[i]] = now & (p[i, j] <= level)
    return _alike(placed, order, differ)


def _alike(placed: Sequence[Estimate], order: NDArray[Any], differ: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Equal estimates differ from the same others: from those that each of them differs from."""
    alike: dict[Estimate, list[int]] = {}
    for estimate, i in zip(placed, order, strict=True):
        alike.setdefault(estimate, []).append(int(i))
    for group in alike.values():
        differ[group] = differ[group].all(0)
        differ[:, group] = differ[group].T
    return differ


def _p_values(estimates: Sequence[Estimate]) -> NDArray[Any]:
    """(n, n): of each pair, above the diagonal; 1 where nothing is known."""
    p = np.ones((len(estimates), len(estimates)))
    for a, b in combinations(range(len(estimates)), 2):
        found = p_value(difference(estimates[a], estimates[b]))
        p[a, b] = 1.0 if math.isnan(found) else found
    return p


def rank_ranges(estimates: Sequence[Estimate], level: float = TIE_LEVEL) -> list[tuple[int, int]]:
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
