"""The discrete schedule of the DDPM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchbox.schedule import Floats, Schedule


@dataclass(frozen=True)
class DDPM(Schedule):
    """ᾱ_k = Π(1 − β_i), β linear over T points (Ho et al. 2020, §4); log σ is linear in t between the points k/T.

    With another T the β are scaled by 1000/T (Nichol & Dhariwal's code), so that the ends stay where they are.
    """

    name = "ddpm"
    beta_min: float = 1e-4
    beta_max: float = 0.02
    steps: int = 1000

    def __post_init__(self) -> None:
        if self.steps < 2 or not 0 < self.beta_min <= self.beta_max < self.steps / 1000:
            raise ValueError("every β, scaled by 1000/steps, must be above 0 and below 1, and steps at least 2.")

    @property
    def t_min(self) -> float:
        return 1 / self.steps

    @cached_property
    def log_sigmas(self) -> NDArray[np.float64]:
        """ln σ_k for k = 1 … T."""
        betas = np.linspace(self.beta_min, self.beta_max, self.steps) * (1000 / self.steps)
        return 0.5 * np.log(np.expm1(-np.cumsum(np.log1p(-betas))))

    @cached_property
    def points(self) -> NDArray[np.float64]:
        return np.arange(1, self.steps + 1) / self.steps

    def scale(self, t: Floats) -> Floats:
        return 1 / np.sqrt(1 + np.square(self.sigma(t)))

    def sigma(self, t: Floats) -> Floats:
        return np.exp(np.interp(t, self.points, self.log_sigmas))

    def time(self, sigma: Floats) -> Floats:
        return np.interp(np.log(sigma), self.log_sigmas, self.points)

    def dlog_scale(self, t: Floats) -> Floats:
        sigma = self.sigma(t)
        return -sigma * self.dsigma(t) / (1 + np.square(sigma))

    def dsigma(self, t: Floats) -> Floats:
        slopes = np.diff(self.log_sigmas) * self.steps
        # a tolerance keeps t = k/T in the piece below it, whatever its rounding
        k = np.clip(np.ceil(np.asarray(t) * self.steps - 1e-9).astype(int) - 2, 0, self.steps - 2)
        return self.sigma(t) * slopes[k]
