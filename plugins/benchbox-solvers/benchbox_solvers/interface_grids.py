"""Grids by the names that ComfyUI and A1111 have for them.

`karras`, `exponential` (logsnr) and `normal` (uniform) are built into benchbox. A discrete schedule has T points, a
continuous one is treated as if it had 1000; k/T is the time of the k-th.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from benchbox import Grid, Schedule

Array = NDArray[np.float64]


def at_indices(grid: Grid, schedule: Schedule, k: Array) -> Array:
    """The times of the points k in 1 … T, within the grid's range; of a continuous schedule, k/1000 of its first."""
    first, last = grid.ends(schedule)
    return np.clip(k / schedule.steps if schedule.steps else first * k / 1000, last, first)


@dataclass(frozen=True)
class Simple(Grid):
    """k = T − ⌊i T/n⌋, i = 0 … n−1 (ComfyUI, `simple_scheduler`): starts at T, all intervals equal but for rounding."""

    name = "simple"

    def __call__(self, schedule: Schedule, n_levels: int) -> Array:
        T = schedule.steps or 1000
        return at_indices(self, schedule, T - np.floor(np.arange(n_levels) * T / n_levels))


@dataclass(frozen=True)
class DDIMUniform(Grid):
    """k = 2 + i ⌊T/n⌋, i = n−1 … 0 (ComfyUI, `ddim_scheduler`; A1111's DDIM): the timesteps 1, 1 + ⌊T/n⌋ …

    ComfyUI adds a level at the top where n does not divide T, and so runs n + 1 steps; here there are n.
    """

    name = "ddim-uniform"
    aliases = ("ddim_uniform",)

    def __call__(self, schedule: Schedule, n_levels: int) -> Array:
        T = schedule.steps or 1000
        return at_indices(self, schedule, np.minimum(2.0 + np.arange(n_levels - 1, -1, -1) * (T // n_levels), T))


@dataclass(frozen=True)
class SGMUniform(Grid):
    """The first n of n + 1 times with equal steps from t_max to t_min (Stability's generative-models; ComfyUI)."""

    name = "sgm-uniform"
    aliases = ("sgm_uniform",)

    def __call__(self, schedule: Schedule, n_levels: int) -> Array:
        return np.linspace(*self.ends(schedule), n_levels + 1)[:-1]


@dataclass(frozen=True)
class Beta(Grid):
    """k = 1 + round((T − 1) F⁻¹(1 − i/n)), F the Beta(α, β) distribution (Lee et al. 2024, arXiv:2407.12173; ComfyUI).

    With α, β < 1, most levels are at both ends. A1111 has σ = σ_min + F⁻¹(…) (σ_max − σ_min) instead.
    """

    name = "beta"
    alpha: float = 0.6
    beta: float = 0.6

    def __post_init__(self) -> None:
        if self.alpha <= 0 or self.beta <= 0:
            raise ValueError("alpha and beta must be above 0.")

    def __call__(self, schedule: Schedule, n_levels: int) -> Array:
        quantiles = betaincinv(self.alpha, self.beta, 1 - np.arange(n_levels) / n_levels)
        return at_indices(self, schedule, 1 + np.rint(quantiles * ((schedule.steps or 1000) - 1)))


@dataclass(frozen=True)
class LinearQuadratic(Grid):
    """Half of the steps linear in t down to 1 − threshold, the rest quadratic to 0 (Mochi; ComfyUI), times t_max.

    1 − t_i = i c/m for i ≤ m = ⌊n/2⌋ with threshold c; then the parabola a i² + b i + d through 1 at i = n that goes on
    with the same value and slope: a = (m − c n)/(m (n − m)²), b = c/m − 2 (m − c n)/(n − m)², d = a m².
    """

    name = "linear-quadratic"
    aliases = ("linear_quadratic",)
    threshold: float = 0.025

    def __call__(self, schedule: Schedule, n_levels: int) -> Array:
        first, last = self.ends(schedule)
        n, c = n_levels, self.threshold
        m = n // 2
        if m == 0:
            return np.array([first])
        i = np.arange(n, dtype=np.float64)
        excess = m - c * n
        a, b = excess / (m * (n - m) ** 2), c / m - 2 * excess / (n - m) ** 2
        return np.maximum(first * (1 - np.where(i < m, i * c / m, a * i**2 + b * i + a * m**2)), last)


@dataclass(frozen=True)
class KLOptimal(Grid):
    """Equal steps in arctan σ (Sabour et al. 2024, arXiv:2404.14507, for Gaussian data of variance 1; ComfyUI)."""

    name = "kl-optimal"
    aliases = ("kl_optimal",)

    def __call__(self, schedule: Schedule, n_levels: int) -> Array:
        first, last = self.sigmas(schedule)
        return np.asarray(schedule.time(np.tan(np.linspace(np.arctan(first), np.arctan(last), n_levels))))


@dataclass(frozen=True)
class PolyExponential(Grid):
    """ln σ falls from σ_max to σ_min as (1 − i/(n−1))^ρ (k-diffusion, `get_sigmas_polyexponential`); ρ = 1: logsnr."""

    name = "polyexponential"
    rho: float = 1.0

    def __call__(self, schedule: Schedule, n_levels: int) -> Array:
        first, last = np.log(self.sigmas(schedule))
        ramp = np.linspace(1, 0, n_levels) ** self.rho
        return np.asarray(schedule.time(np.exp(last + ramp * (first - last))))
