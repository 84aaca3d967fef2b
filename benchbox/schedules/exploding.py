"""Schedules with s = 1: noise is added, and the data are not scaled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchbox.schedule import ExplodingSchedule, Floats


@dataclass(frozen=True)
class VE(ExplodingSchedule):
    """Variance exploding: σ = σ_min (σ_max/σ_min)^t (Song et al. 2021, arXiv:2011.13456, eq. 9, 30)."""

    name = "ve"
    sigma_min: float = 0.01
    sigma_max: float = 50.0
    t_min: float = 1e-5

    def sigma(self, t: Floats) -> Floats:
        return self.sigma_min * (self.sigma_max / self.sigma_min) ** np.asarray(t)

    def time(self, sigma: Floats) -> Floats:
        return np.log(np.asarray(sigma) / self.sigma_min) / np.log(self.sigma_max / self.sigma_min)

    def dsigma(self, t: Floats) -> Floats:
        return self.sigma(t) * np.log(self.sigma_max / self.sigma_min)


@dataclass(frozen=True)
class Brownian(ExplodingSchedule):
    """Brownian motion, dy = dw up to time T: σ = √(T t), T = 50² by default.

    The forward SDE of Song et al. 2021 (arXiv:2011.13456, eq. 5) with f = 0 and g = 1.
    """

    name = "brownian"
    T: float = 2500.0
    t_min: float = 1e-5

    def sigma(self, t: Floats) -> Floats:
        return np.sqrt(self.T * np.asarray(t))

    def time(self, sigma: Floats) -> Floats:
        return np.square(sigma) / self.T

    def dsigma(self, t: Floats) -> Floats:
        return 0.5 * np.sqrt(self.T / np.asarray(t))


@dataclass(frozen=True)
class EDM(ExplodingSchedule):
    """σ = t σ_max from 0.002 to 80 (Karras et al. 2022, arXiv:2206.00364, table 1, "Ours").

    t_min is sigma_min/sigma_max.
    """

    name = "edm"
    sigma_min: float = 0.002
    sigma_max: float = 80.0

    @property
    def t_min(self) -> float:
        return self.sigma_min / self.sigma_max

    def sigma(self, t: Floats) -> Floats:
        return np.asarray(t)[()] * self.sigma_max

    def time(self, sigma: Floats) -> Floats:
        return np.asarray(sigma)[()] / self.sigma_max

    def dsigma(self, t: Floats) -> Floats:
        return np.full_like(t, self.sigma_max, dtype=np.float64)[()]
