"""Heun's method with churn, the EDM sampler."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchbox.sampler import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


@dataclass(frozen=True)
class Heun(Sampler):
    """Heun's method on dx/dσ with churn (Karras et al. 2022, algorithm 2); s_churn = 0 is their algorithm 1."""

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
        churn = min(self.s_churn / len(grid.sigmas), math.sqrt(2) - 1)
        for sigma, sigma_next in pairwise(grid.sigmas):
            gamma = churn if self.s_min <= sigma <= self.s_max else 0.0
            sigma_hat = sigma * (1 + gamma)
            if gamma > 0:
                x = x.add(noise(sigma, sigma_hat), alpha=self.s_noise * math.sqrt(sigma_hat**2 - sigma**2))
            x_euler = denoise(x, sigma_hat).lerp(x, sigma_next / sigma_hat)
            # x_euler + h d' with the slope d' = (x_euler − D')/σ' at the end; the mean of both Euler ends follows
            x_prime = denoise(x_euler, sigma_next).lerp(x_euler, 2 - sigma_hat / sigma_next)
            x = x.lerp(x_prime, 0.5)
            yield x
