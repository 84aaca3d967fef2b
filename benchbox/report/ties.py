"""Multiple comparison of estimates: which pairs differ significantly, and the rank ranges that follow.

A rank range goes from 1 + the number of significantly better entries to n − the number of significantly worse ones
(Goldstein and Spiegelhalter 1996; as confidence sets: Mogstad, Romano, Shaikh and Wilhelm 2024). Significance is by the
Newman–Keuls step-down procedure (Newman 1939, Keuls 1952): ranges of consecutive values are tested, the widest first,
and no pair within an accepted range is separated. A range is rejected by the studentised range, or if its first or its
last value deviates too far from the mean of the others (Nair 1948): the best of twenty may differ from the mean of the
other nineteen without differing from any single one. Hence a group of equal samplers is tied as a whole with
probability 1 − TIE_LEVEL, however many entries a board has.
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
"""Familywise error: the probability that equal values are separated. The power at a difference of four standard errors
is then above 95 %.

At 0.05 the power is lower with five seeds each; at 0.1 equal values are tied in only 90 % of cases (measured:
docs/leaderboards.md).
"""

TEST_SHARE = 0.71
"""Share of the level for each of the two tests of a range. They are correlated, so that together they use all of it."""


def range_tail(p: NDArray[Any], n: int) -> NDArray[Any]:
    """Probability that the extremes of n equal values differ with a pairwise p-value below p (studentised range)."""
    x = np.linspace(-8, 8, 401)
    q = -math.sqrt(2) * ndtri(np.clip(p, 1e-300, 1) / 2)
    inside = (ndtr(x) - ndtr(x - q[..., None])) ** (n - 1)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return np.asarray(1 - n * (density * inside).sum(-1) * (x[1] - x[0]))


def deviation_tail(group: Sequence[Estimate]) -> float:
    """Bonferroni bound on the p-value of the extreme deviate: either end of a group against the mean of the others.

    group: in the order of values. 1 if a standard error is unknown.
    """
    if any(math.isnan(e.error) for e in group):
        return 1.0
    ends = (group[0], group[1:]), (group[-1], group[:-1])
    return min(1.0, len(group) * min(p_value(difference(end, average(rest))) for end, rest in ends))


def separated(estimates: Sequence[Estimate], level: float = TIE_LEVEL) -> NDArray[np.bool_]:
    """(n, n): which pairs differ significantly; a pair without any known standard error does not."""
    n, errors = len(estimates), np.nan_to_num([e.error for e in estimates], nan=math.inf)
    order = np.lexsort((errors, np.array([e.value for e in estimates])))  # independent of the order of the input
    ordered = moderated([estimates[i] for i in order])
    p = _p_values(ordered)
    least = _least_within(p)
    rejected = np.ones((n + 2, n + 2), bool)  # [i + 1, j + 1]: the range from i to j; wider than the board: True
    differ = np.zeros((n, n), bool)
    for width in range(n - 1, 0, -1):
        i = np.arange(n - width)
        j = i + width
        share = level * TEST_SHARE if width > 1 else level  # for two values, both tests are the same
        significant = range_tail(least[i, j], width + 1) <= share
        tested = rejected[i, j + 1] & rejected[i + 1, j + 2]  # only ranges inside rejected ones
        for k in np.flatnonzero(tested & ~significant) if width > 1 else ():
            significant[k] = deviation_tail(ordered[k : k + width + 1]) <= share
        rejected[i + 1, j + 1] = tested & significant
        differ[order[i], order[j]] = differ[order[j], order[i]] = tested & significant & (p[i, j] <= level)
    return _symmetric_in_equals(ordered, order, differ)


def _least_within(p: NDArray[Any]) -> NDArray[Any]:
    """(n, n): [i, j] is the least p-value of all pairs from i to j."""
    least, n = p.copy(), len(p)
    for width in range(2, n):
        i = np.arange(n - width)
        j = i + width
        least[i, j] = np.minimum(p[i, j], np.minimum(least[i + 1, j], least[i, j - 1]))
    return least


def _symmetric_in_equals(
    ordered: Sequence[Estimate], order: NDArray[Any], differ: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Have identical estimates differ from the same others: those that every one of them differs from."""
    identical: dict[Estimate, list[int]] = {}
    for estimate, i in zip(ordered, order, strict=True):
        identical.setdefault(estimate, []).append(int(i))
    for group in identical.values():
        differ[group] = differ[group].all(0)
        differ[:, group] = differ[group].T
    return differ


def _p_values(estimates: Sequence[Estimate]) -> NDArray[Any]:
    """(n, n): the p-value of each pair, above the diagonal; 1 if neither standard error is known."""
    p = np.ones((len(estimates), len(estimates)))
    for a, b in combinations(range(len(estimates)), 2):
        pair = p_value(difference(estimates[a], estimates[b]))
        p[a, b] = 1.0 if math.isnan(pair) else pair
    return p


def rank_ranges(estimates: Sequence[Estimate], level: float = TIE_LEVEL) -> list[tuple[int, int]]:
    """The first and the last rank of each estimate; the least value is the best.

    Without a known standard error, both are its position in the order of values.
    """
    values = np.array([e.value for e in estimates])
    differ = separated(estimates, level)
    below = (differ & (values[None] < values[:, None])).sum(1)
    above = (differ & (values[None] > values[:, None])).sum(1)
    positions = [1 + int((values < v).sum()) for v in values]
    return [
        (position, position) if math.isnan(e.error) else (1 + int(b), len(values) - int(a))
        for e, position, b, a in zip(estimates, positions, below, above, strict=True)
    ]
