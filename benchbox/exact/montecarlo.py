"""W2 errors from samples, with an interval: for samplers whose law cannot be propagated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.law import last
from benchbox.grid import Levels
from benchbox.metrics.frechet import gaussian_w2
from benchbox.models.analytic import FloatVector
from benchbox.models.gaussian import Gaussian
from benchbox.noise import Noise
from benchbox.sampler import Sampler

JACKKNIFE_GROUPS = 25
"""Groups of the jackknife."""


@dataclass(frozen=True)
class W2Estimate:
    """A W2 error with its 95 % interval."""

    value: float
    low: float
    high: float


def samples(
    sampler: Sampler,
    model: Gaussian,
    levels: Levels,
    n: int,
    final: str = "none",
    seed: int = 0,
    block: int | None = None,
    start: tuple[FloatVector, FloatVector] | None = None,
) -> FloatVector:
    """n flat samples of the ordinary driver, in float64. start: mean and variance in place of the schedule's own.

    Noise blocks are of `block` samples, and an adaptive sampler runs one at a time, as it does in a run.
    """
    denoise = Denoiser(model, torch.device("cpu"), torch.float64)
    block = block or (16 if sampler.evals_per_step is None else 4096)
    parts = []
    for first in range(0, n, block):
        noise: Noise = _Started(seed, first, block, model.shape, levels.start_std, start, block)
        parts.append(last(trajectory(sampler, denoise, levels, noise, final)).flatten(1).numpy())
    return np.concatenate(parts)[:n]


class _Started(Noise):
    """Ordinary noise whose first draw, the start, has another law."""

    def __init__(
        self,
        seed: int,
        first: int,
        n: int,
        shape: tuple[int, ...],
        std: float,
        start: tuple[FloatVector, FloatVector] | None,
        block: int,
    ) -> None:
        super().__init__(seed, first, n, shape, dtype=torch.float64, block=block)
        self.std, self.start = std, start

    def __call__(self, sigma: float, sigma_next: float) -> torch.Tensor:
        z = super().__call__(sigma, sigma_next)
        if self.draws > 1 or self.start is None:
            return z
        mean, std = (torch.tensor(a).view(1, *self.shape) for a in (self.start[0], np.sqrt(self.start[1])))
        return (mean + std * z) / self.std


def estimate_w2(x: FloatVector, target: tuple[FloatVector, FloatVector]) -> W2Estimate:
    """W2 between the Gaussian of the samples' moments and a diagonal one: jackknife over groups, for bias and interval.

    The full covariance counts, so that coordinates which a sampler mixes are seen.
    """
    groups = np.array_split(x, JACKKNIFE_GROUPS)
    whole = _square(x, target)
    without = np.array([_square(np.concatenate(groups[:i] + groups[i + 1 :]), target) for i in range(JACKKNIFE_GROUPS)])
    value = JACKKNIFE_GROUPS * whole - (JACKKNIFE_GROUPS - 1) * without.mean()
    error = 1.96 * np.sqrt((JACKKNIFE_GROUPS - 1) / JACKKNIFE_GROUPS * np.sum((without - without.mean()) ** 2))
    return W2Estimate(*(float(np.sqrt(max(v, 0.0))) for v in (value, value - error, value + error)))


def _square(x: FloatVector, target: tuple[FloatVector, FloatVector]) -> float:
    mean, variance = target
    return gaussian_w2(x.mean(0), np.cov(x.T), mean, np.diag(np.sqrt(variance))) ** 2
