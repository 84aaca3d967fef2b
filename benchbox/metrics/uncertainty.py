"""Extrapolation of the Fréchet distance to infinitely many samples, with a confidence interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchbox.metrics.frechet import Matrix, Moments, frechet_distance, merged_moments

BLOCKS = 10
"""Disjoint blocks of samples, each with a covariance in memory."""

SIZES = (5, 7, 9)
"""Numbers of blocks in the unions from which the distance is extrapolated, beside all blocks."""

LINEAR_FROM = 10
"""Samples per dimension from which the extrapolation is linear; below, it is quadratic."""

INTERVAL_LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """Distance for infinitely many samples: an estimate with little bias, and its 95 % confidence interval."""

    value: float
    low: float
    high: float


def samples_needed(dim: int) -> int:
    """Fewest samples for an interval: half of them give a covariance of full rank, and each block has two runs."""
    return max(5 * dim // 2, 32 * BLOCKS)


def fid_interval(blocks: Sequence[Moments], mean_ref: Matrix, covariance_ref: Matrix) -> Interval:
    """Distance of infinitely many samples to a fixed reference, from blocks of independent samples.

    Estimate: the distances of 1/2, 7/10, 9/10 and all of the samples, extrapolated to 1/n = 0 (FID∞, Chong & Forsyth
    2020, §3); a term in 1/n² is added below `LINEAR_FROM` samples per dimension. Interval: ± the quantile of Student's
    t, with one degree of freedom less than blocks, times the standard error of the delete-one-block jackknife for
    blocks of unequal size (Busing, Meijer & van der Leeden 1999, eq. 10).
    """

    def distance(parts: Sequence[Moments]) -> tuple[int, float]:
        union = merged_moments(parts)
        return union.n, frechet_distance(union.mean, union.covariance, mean_ref, covariance_ref)

    k = len(blocks)
    unions = {size: [distance([blocks[(i + j) % k] for j in range(size)]) for i in range(k)] for size in SIZES}
    all_blocks = distance(blocks)
    means = [np.mean([(1 / n, d) for n, d in values], axis=0) for values in (*unions.values(), [all_blocks])]
    inverse_n, distances = np.transpose(means)
    degree = 1 if all_blocks[0] >= LINEAR_FROM * len(mean_ref) else 2
    value = float(np.polynomial.Polynomial.fit(inverse_n, distances, degree)(0.0))
    margin = student_quantile(k - 1) * jackknife_error(all_blocks, unions[k - 1])
    return Interval(value, value - margin, value + margin)


def jackknife_error(estimate: tuple[int, float], without: Sequence[tuple[int, float]]) -> float:
    """Standard error of an estimate (n, value), from the estimates without one block each."""
    n, value = estimate
    sizes, values = np.transpose(without)
    h = n / (n - sizes)
    pseudo = h * value - (h - 1) * values
    centre = len(h) * value - ((h - 1) / h * values).sum()
    return float(np.sqrt(np.mean((pseudo - centre) ** 2 / (h - 1))))


def student_quantile(freedom: int) -> float:
    """Two-sided quantile of Student's t at `INTERVAL_LEVEL`."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + INTERVAL_LEVEL) / 2))


def over_prompts(name: str, values: dict[int, float], period: int | None) -> dict[str, float | str | None]:
    """The mean over prompts of a value per sample, and its 95 % interval (Student's t; none for one prompt).

    period: sample i has the prompt i mod period; None: each has its own.
    """
    groups: dict[int, list[float]] = {}
    for number in sorted(values):
        groups.setdefault(number % period if period else number, []).append(values[number])
    means = np.array([np.mean(group) for group in groups.values()])
    if len(means) < 2:
        return {name: float(means[0]) if len(means) else None, f"{name}_low": None, f"{name}_high": None}
    margin = student_quantile(len(means) - 1) * float(means.std(ddof=1)) / len(means) ** 0.5
    mean = float(means.mean())
    return {name: mean, f"{name}_low": mean - margin, f"{name}_high": mean + margin}
