"""The noise levels and steps of annealed Langevin dynamics, by the rules of Song & Ermon 2020 (NCSNv2).

python docs/noise_ladder.py IMAGES [--sigma-min 0.02] [--nfe 50,100,200,500,1000]

arXiv:2006.09011. Technique 1: σ_1 is the largest distance of two images. Technique 2: the ratio γ of the levels solves
Φ(√(2D)(γ − 1) + 3γ) − Φ(√(2D)(γ − 1) − 3γ) = 0.5. Technique 4: with T steps at each level, the step size brings the
variance that is left of the level before closest to that of the level. Pixels are in [−1, 1].

Technique 4 starts each level at the exact variance of the level before. What is left over in fact adds up from level to
level. The printed variances are those after many levels, in that of the level; the second step size has the least.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

from benchbox.inputs.images import read_images

AT_ONCE = 500


def largest_distance(images: NDArray[np.uint8]) -> float:
    """Technique 1, in units of [−1, 1]. Exact: pixels a, b ≥ 0 have |a − b|² ≤ |a|² + |b|², so most pairs are ruled
    out by their norms."""
    x = images.reshape(len(images), -1).astype(np.float32) / 127.5
    square = np.square(x).sum(1)
    order = np.argsort(-square)
    x, square, best = x[order], square[order], 0.0
    for i in range(0, len(x), AT_ONCE):
        end = int(np.searchsorted(-square, square[i] - best, side="right"))
        if end <= i:
            break
        a, b = slice(i, i + AT_ONCE), slice(i, end)
        best = max(best, float((square[a, None] + square[None, b] - 2 * x[a] @ x[b].T).max()))
    return math.sqrt(best)


def ratio(dimensions: int) -> float:
    """Technique 2: γ."""

    def overlap(gamma: float) -> float:
        shift = math.sqrt(2 * dimensions) * (gamma - 1)
        return float(norm.cdf(shift + 3 * gamma) - norm.cdf(shift - 3 * gamma)) - 0.5

    return float(brentq(overlap, 1 + 1e-6, 10))


def left_over(step_size: float, steps: int, gamma: float) -> float:
    """Technique 4: the variance after T steps at a level, in that of the level, from γ² of it.

    x ← x + ½ α score + √α z with α = step_size σ² takes v to (1 − step_size/2)² v + step_size.
    """
    kept = (1 - step_size / 2) ** 2
    stationary = step_size / (1 - kept)
    return kept**steps * (gamma**2 - stationary) + stationary


def accumulated(step_size: float, steps: int, gamma: float) -> float:
    """The variance after a level, in that of the level, in the limit of many levels; infinite where it grows."""
    kept = (1 - step_size / 2) ** (2 * steps)
    growth = kept * gamma**2
    return (left_over(step_size, steps, gamma) - growth) / (1 - growth) if growth < 1 else math.inf


def best_step_size(variance: Callable[[float, int, float], float], steps: int, gamma: float) -> float:
    """The step size with the least variance: with `left_over` that of technique 4."""
    sizes = np.geomspace(1e-3, 1.9, 100)
    nearest = int(np.argmin([variance(size, steps, gamma) for size in sizes[1:-1]])) + 1
    bounds = (sizes[nearest - 1], sizes[nearest + 1])
    return float(minimize_scalar(variance, bounds=bounds, args=(steps, gamma), method="bounded").x)


def table_line(nfe: int, steps: int, span: float) -> str:
    """A budget with T steps per level: the levels that it buys, and both step sizes with the variance after a level."""
    levels = (nfe - 1) // steps
    gamma = math.exp(span / (levels - 1))
    sizes = [best_step_size(variance, steps, gamma) for variance in (left_over, accumulated)]
    variances = [f"{size:.3f} | {accumulated(size, steps, gamma):.2f}" for size in sizes]
    return f"| {levels * steps + 1} | {steps} | {levels} | {gamma:.4f} | {' | '.join(variances)} |"


def main() -> None:
    """Print σ_1, γ and L; for each budget the steps per level that L levels leave, or one step, and the step sizes."""
    options = argparse.ArgumentParser()
    options.add_argument("images", type=Path)
    options.add_argument("--sigma-min", type=float, default=0.02)
    options.add_argument("--nfe", default="50,100,200,500,1000")
    given = options.parse_args()
    images = read_images(given.images)
    sigma_max, gamma = largest_distance(images), ratio(images[0].size)
    span = math.log(sigma_max / given.sigma_min)
    levels = 1 + round(span / math.log(gamma))
    print(f"sigma_1 {sigma_max:.2f}, gamma {gamma:.4f}, {levels} levels down to {given.sigma_min}")
    print("| NFE | steps_per_level | levels | gamma | technique 4 | variance | least variance | variance |")
    print("|---" * 8 + "|")
    for nfe in map(int, given.nfe.split(",")):
        for steps in sorted({1, max((nfe - 1) // levels, 1)}):
            print(table_line(nfe, steps, span))


if __name__ == "__main__":
    main()
