"""Euler–Maruyama on the reverse SDE, down to Euler on the probability-flow ODE."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


@dataclass(frozen=True)
class EulerMaruyama(Sampler):
    """Euler–Maruyama in a frame y = s x, time t (Song et al. 2021, arXiv:2011.13456, eq. 6, 13; κ as in their app. D):

    y ← y − h [f y − ½(1+κ²) g² score_y] + κ g √h z, h = t − t'. κ = 1 is the reverse SDE, κ = 0 Euler on the ODE in t.
    integrator exponential: score_y constant over the step, the linear part exact (Zhang & Chen 2023, arXiv:2204.13902,
    eq. 8; Pierret & Galerne 2025, arXiv:2405.14250, "EI"). ancestral: y ← (y + ½(1+κ²) h g² score_y)/√(1+2hf) +
    κ g √h z, the DDPM step with β = g² h of a variance-preserving frame (Song et al. 2021, eq. 4; "DDPM" there).
    """

    name = "euler-maruyama"
    aliases = ("em",)
    order = 1
    kappa: float = 1.0
    frame: Schedule | None = None
    integrator: Literal["euler", "exponential", "ancestral"] = "euler"

    def __post_init__(self) -> None:
        if self.kappa < 0:
            raise ValueError(f"kappa must be at least 0, not {self.kappa}.")

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        frame = grid.in_frame(self.frame)
        half, scales = (1 + self.kappa**2) / 2, frame.scales
        for i, (sigma, sigma_next) in enumerate(pairwise(frame.sigmas)):
            s, s_next = scales[i : i + 2]
            a, b, c = self.coefficients(frame.interval(i), s, s_next)
            # y ← a y + ½(1+κ²) b score_y + κ c z, as x = y/s: score_y = (D − x)/(s σ²)
            keep, drift = a * s / s_next, half * b / (s * s_next * sigma**2)
            x = x.lerp(denoise(x, sigma), drift / keep)
            if not math.isclose(keep, 1, rel_tol=1e-15):
                x.mul_(keep)
            if self.kappa > 0:
                x.add_(noise(sigma, sigma_next), alpha=self.kappa * c / s_next)
            yield x

    def coefficients(self, interval: Levels, s: float, s_next: float) -> tuple[float, float, float]:
        """Coefficients of y, score_y and z on one interval, without the factors κ and ½(1+κ²)."""
        (t, t_next), (sigma, sigma_next), frame = interval.times, interval.sigmas, interval.schedule
        h, f, g2 = t - t_next, float(frame.dlog_scale(t)), 2 * s**2 * sigma * float(frame.dsigma(t))
        match self.integrator:
            case "exponential":
                return s_next / s, s_next * score_weight(frame, t_next, t), s_next * math.sqrt(sigma**2 - sigma_next**2)
            case "ancestral":
                if 2 * h * f <= -1:
                    raise ValueError("integrator ancestral needs β = g² h below 1 on every interval: use more levels")
                return 1 / math.sqrt(1 + 2 * h * f), h * g2 / math.sqrt(1 + 2 * h * f), math.sqrt(h * g2)
        return 1 - h * f, h * g2, math.sqrt(h * g2)


def score_weight(frame: Schedule, t_next: float, t: float) -> float:
    """∫ s dσ² over an interval, the weight of a constant score_y, by Gauss–Legendre quadrature with 16 points."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    times = t_next + (t - t_next) * (nodes + 1) / 2
    return float(np.sum(weights * frame.scale(times) * 2 * frame.sigma(times) * frame.dsigma(times)) * (t - t_next) / 2)
