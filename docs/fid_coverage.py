"""How often the 95 % interval of FID covers the true distance, as lines of Markdown: python docs/fid_coverage.py

Samples are exact draws of `gaussian` with eigenvalues from 1 to 0.01; the reference is another Gaussian with the same
eigenvectors, so the true distance is known. Cases: far, near, equal; 200 repetitions for each line.
"""

from __future__ import annotations

import numpy as np

import benchbox
from benchbox.metrics.blocks import BlockMoments
from benchbox.metrics.frechet import frechet_distance
from benchbox.metrics.uncertainty import BLOCKS, fid_interval

REPETITIONS = 200
CASES = {"far": (0.3, 0.5), "near": (0.05, 0.1), "equal": (0.0, 0.0)}
"""Shift of each coordinate in standard deviations, and of the logarithm of its variance."""


def line(dim: int, n: int, case: str) -> str:
    """The true distance, the means of `fid` and `fid_inf`, and the share of intervals that contain the truth."""
    spectrum = np.geomspace(1, 1e-2, dim)
    model = benchbox.get("model", "gaussian", mean=(0.0,), eigenvalues=tuple(spectrum))
    shift, ratio = (size * np.random.default_rng(0).standard_normal(dim) for size in CASES[case])
    mean, variance = shift * np.sqrt(spectrum), spectrum * np.exp(ratio)
    true = mean @ mean + ((np.sqrt(variance) - np.sqrt(spectrum)) ** 2).sum()
    plain, values, covered = [], [], 0
    for seed in range(REPETITIONS):
        blocks = BlockMoments(dim, BLOCKS)
        blocks.add(model.draw(n, seed).numpy(), np.arange(n))
        interval, moments = fid_interval(blocks.moments, mean, np.diag(variance)), blocks.total
        plain.append(frechet_distance(moments.mean, moments.covariance, mean, np.diag(variance)))
        values.append(interval.value)
        covered += interval.low <= true <= interval.high
    return (
        f"| {dim} | {n:,} | {case} | {true:.4f} | {np.mean(plain):.4f} | {np.mean(values):.4f} ± {np.std(values):.4f} "
        f"| {covered / REPETITIONS:.1%} |"
    )


if __name__ == "__main__":
    for dim, n in ((4, 320), (4, 1000), (16, 320), (16, 1000), (64, 320), (64, 1000)):
        for case in CASES:
            print(line(dim, n, case), flush=True)
