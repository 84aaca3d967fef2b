"""What a Fréchet distance of finitely many samples says about that of infinitely many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchbox.metrics.frechet import Matrix, frechet_distance
from benchbox.metrics.statistics import Moments, merged_moments

BLOCKS = 10
"""Disjoint blocks of samples. The memory of an interval is as many covariances."""

SIZES = (5, 7, 9)
"""Unions of so many blocks are extrapolated from, beside all of them."""

MOST_RUNS = 10
"""Times the dimension: with fewer samples the extrapolation has a quadratic term."""

INTERVAL_LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """The distance of infinitely many samples: an estimate with little bias, and a 95 % confidence interval."""

    value: float
    low: float
    high: float


def samples_needed(dim: int) -> int:
    """The fewest samples for an interval: half of them must have a covariance of full rank, and each block two runs."""
    return max(5 * dim // 2, 32 * BLOCKS)


def fid_interval(blocks: Sequence[Moments], mean_ref: Matrix, covariance_ref: Matrix) -> Interval:
    """The distance to a fixed reference that infinitely many samples would have, from blocks of independent samples.

    Estimate: distances of 1/2, 7/10, 9/10 and all of the samples, extrapolated to 1/n = 0 (FID∞, Chong & Forsyth 2020,
    §3); where samples are fewer than `MANY` times the dimension, with a term in 1/n² beside theirs. Interval: ±
    Student's t with one degree of freedom less than blocks, times the delete-one-block jackknife's standard error, for
    blocks of unequal size (Busing, Meijer & van der Leeden 1999, eq. 10).
    """

    def distance(parts: Sequence[Moments]) -> tuple[int, float]:
        whole = merged_moments(parts)
        return whole.n, frechet_distance(whole.mean, whole.covariance, mean_ref, covariance_ref)

    k = len(blocks)
    sets = {size: [distance([blocks[(i + j) % k] for j in range(size)]) for i in range(k)] for size in SIZES}
    whole = distance(blocks)
    means = [np.mean([(1 / n, d) for n, d in values], axis=0) for values in (*sets.values(), [whole])]
    inverse_n, distances = np.transpose(means)
    degree = 1 if whole[0] >= MOST_RUNS * len(mean_ref) else 2
    value = float(np.polynomial.Polynomial.fit(inverse_n, distances, degree)(0.0))
    margin = student_quantile(k - 1) * jackknife_error(whole, sets[k - 1])
    return Interval(value, value - margin, value + margin)


def jackknife_error(whole: tuple[int, float], without: Sequence[tuple[int, float]]) -> float:
    """Standard error of a statistic (n, value) from those (n, value) that each leave one block out."""
    n, value = whole
    sizes, values = np.transpose(without)
    h = n / (n - sizes)
    pseudo = h * value - (h - 1) * values
    centre = len(h) * value - ((h - 1) / h * values).sum()
    return float(np.sqrt(np.mean((pseudo - centre) ** 2 / (h - 1))))


def student_quantile(freedom: int) -> float:
    """The two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + INTERVAL_LEVEL) / 2))
