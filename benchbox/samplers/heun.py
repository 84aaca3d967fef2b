"""Heun's method with churn, the EDM sampler."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchbox.sampler import Sampler, euler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


@dataclass(frozen=True)
class Heun(Sampler):
    """Heun's method on dx/dσ with churn (Karras et al. 2022, arXiv:2206.00364, algorithm 2); s_churn = 0: algorithm 1.

    Churn adds noise up to σ̂ = σ (1 + γ), γ = min(s_churn/N, √2 − 1) where s_min ≤ σ ≤ s_max. Heun's step is the mean
    of x and of two Euler steps of h = σ' − σ̂: x_1 from x, x_2 from x_1. The last level is churned before the final
    denoise, as in algorithm 2.
    """

    name = "heun"
    grid = "karras"
    evals_per_step = 2
    biased_by = ("s_noise",)
    s_churn: float = 0.0
    s_min: float = 0.0
    s_max: float = math.inf
    s_noise: float = 1.0

    def __post_init__(self) -> None:
        if self.s_churn < 0 or self.s_noise < 0:
            raise ValueError("s_churn and s_noise must not be negative.")

    @property
    def order(self) -> int:
        return 1 if self.s_churn else 2

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            x, sigma_hat = self.churned(x, sigma, len(grid.sigmas), noise) if self.s_churn else (x, sigma)
            x_1 = euler(denoise(x, sigma_hat), x, sigma_hat, sigma_next)
            x_2 = euler(denoise(x_1, sigma_next), x_1, sigma_next, 2 * sigma_next - sigma_hat)
            x = x.lerp(x_2, 0.5)
            yield x

    def finish(self, x: Tensor, grid: Levels, noise: Noise) -> tuple[Tensor, float]:
        return self.churned(x, grid.sigmas[-1], len(grid.sigmas), noise)

    def churned(self, x: Tensor, sigma: float, n: int, noise: Noise) -> tuple[Tensor, float]:
        """The state with noise up to σ̂, and σ̂; n is the number of levels."""
        gamma = min(self.s_churn / n, math.sqrt(2) - 1) if self.s_min <= sigma <= self.s_max else 0.0
        if gamma == 0:
            return x, sigma
        sigma_hat = sigma * (1 + gamma)
        return x.add(noise(sigma, sigma_hat), alpha=self.s_noise * math.sqrt(sigma_hat**2 - sigma**2)), sigma_hat
