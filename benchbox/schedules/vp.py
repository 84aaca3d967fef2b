"""The variance-preserving diffusion, discrete (DDPM) and in continuous time, and its relatives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchbox.schedule import DiscreteSchedule, Floats, Schedule


@dataclass(frozen=True)
class DDPM(DiscreteSchedule):
    """ᾱ_k = Π(1 − β_i), β linear over T points (Ho et al. 2020, arXiv:2006.11239, §4).

    Between the points k/T, log σ is linear in t. For another T, the β are scaled by 1000/T (Nichol & Dhariwal's code),
    which keeps the end points.
    """

    name = "ddpm"
    beta_min: float = 1e-4
    beta_max: float = 0.02
    steps: int = 1000

    def __post_init__(self) -> None:
        if self.steps < 2 or not 0 < self.beta_min <= self.beta_max < self.steps / 1000:
            raise ValueError("every β, scaled by 1000/steps, must be above 0 and below 1, and steps at least 2.")

    @cached_property
    def log_sigmas(self) -> NDArray[np.float64]:
        betas = np.linspace(self.beta_min, self.beta_max, self.steps) * (1000 / self.steps)
        return 0.5 * np.log(np.expm1(-np.cumsum(np.log1p(-betas))))


@dataclass(frozen=True)
class VP(Schedule):
    """Variance preserving: dy = −½β y dt + √β dw, β(t) linear (Song et al. 2021, arXiv:2011.13456, eq. 11, 32)."""

    name = "vp"
    beta_min: float = 0.1
    beta_max: float = 20.0
    t_min: float = 1e-3
    t_max: float = 1.0

    def beta(self, t: Floats) -> Floats:
        return self.beta_min + (self.beta_max - self.beta_min) * t

    def integral(self, t: Floats) -> Floats:
        """B(t), the integral of β from 0 to t."""
        return t * (self.beta_min + 0.5 * (self.beta_max - self.beta_min) * t)

    def time_of_integral(self, b: Floats) -> Floats:
        return 2 * b / (self.beta_min + np.sqrt(self.beta_min**2 + 2 * (self.beta_max - self.beta_min) * b))

    def scale(self, t: Floats) -> Floats:
        return np.exp(-0.5 * self.integral(t))

    def sigma(self, t: Floats) -> Floats:
        return np.sqrt(np.expm1(self.integral(t)))

    def time(self, sigma: Floats) -> Floats:
        return self.time_of_integral(np.log1p(np.square(sigma)))

    def dlog_scale(self, t: Floats) -> Floats:
        return -0.5 * self.beta(t)

    def dsigma(self, t: Floats) -> Floats:
        return 0.5 * self.beta(t) * np.exp(self.integral(t)) / self.sigma(t)


@dataclass(frozen=True)
class SubVP(VP):
    """Sub-VP: VP's scale, the noise 1 − s² in place of √(1 − s²) (Song et al. 2021, arXiv:2011.13456, eq. 14, 29)."""

    name = "subvp"

    def sigma(self, t: Floats) -> Floats:
        return 2 * np.sinh(0.5 * self.integral(t))

    def time(self, sigma: Floats) -> Floats:
        return self.time_of_integral(2 * np.arcsinh(0.5 * np.asarray(sigma)))

    def dsigma(self, t: Floats) -> Floats:
        return self.beta(t) * np.cosh(0.5 * self.integral(t))


@dataclass(frozen=True)
class Cosine(Schedule):
    """ᾱ(t) = cos²((t+c)/(1+c)·π/2) over its value at 0, ending where σ = 118.8 (Nichol & Dhariwal 2021,
    arXiv:2102.09672, eq. 17)."""

    name = "cosine"
    c: float = 0.008
    t_min: float = 1e-3
    t_max: float = 0.9946

    def angle(self, t: Floats) -> Floats:
        return 0.5 * np.pi * (np.asarray(t) + self.c) / (1 + self.c)

    def scale(self, t: Floats) -> Floats:
        return np.cos(self.angle(t)) / np.cos(self.angle(0.0))

    def sigma(self, t: Floats) -> Floats:
        a, a0 = self.angle(t), self.angle(0.0)
        return np.sqrt(np.sin(a - a0) * np.sin(a + a0)) / np.cos(a)

    def time(self, sigma: Floats) -> Floats:
        # tan² a = (σ² + sin² a_0) / cos² a_0: well conditioned at both ends, unlike the cosine
        a0 = self.angle(0.0)
        a = np.arctan(np.sqrt(np.square(sigma) + np.sin(a0) ** 2) / np.cos(a0))
        return a * (1 + self.c) * 2 / np.pi - self.c

    def dlog_scale(self, t: Floats) -> Floats:
        return -0.5 * np.pi / (1 + self.c) * np.tan(self.angle(t))

    def dsigma(self, t: Floats) -> Floats:
        sigma = self.sigma(t)
        return -self.dlog_scale(t) * (1 + np.square(sigma)) / sigma
