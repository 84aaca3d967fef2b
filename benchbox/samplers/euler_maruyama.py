"""Euler–Maruyama on the reverse SDE, down to Euler on the probability-flow ODE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from benchbox.sampler import Sampler
from benchbox.schedule import Floats, Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


@dataclass(frozen=True)
class EulerMaruyama(Sampler):
    """Euler–Maruyama in a frame y = s x, time t (Song et al. 2021, arXiv:2011.13456, eq. 6, 13; κ as in their app. D).

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
        steps = self.coefficients(grid.in_frame(self.frame))
        for (sigma, sigma_next), (keep, pull, up) in zip(pairwise(grid.sigmas), steps, strict=True):
            x = x.lerp(denoise(x, sigma), pull)
            if abs(keep - 1) > 1e-15:
                x.mul_(keep)
            if self.kappa > 0:
                x.add_(noise(sigma, sigma_next), alpha=up)
            yield x

    def coefficients(self, levels: Levels) -> list[list[float]]:
        """Of each interval, x ← keep (x + pull (D − x)) + up z: y ← a y + ½(1+κ²) b score_y + κ c z in x = y/s."""
        s, s_next = ends(levels.scales)
        a, b, c = self.line(levels)
        # score_y = (D − x)/(s σ²)
        pull = (1 + self.kappa**2) / 2 * b / (a * (s * levels.sigmas[:-1]) ** 2)
        return np.transpose([a * s / s_next, pull, self.kappa * c / s_next]).tolist()

    def line(self, levels: Levels) -> tuple[Floats, Floats, Floats]:
        """What each interval multiplies y, score_y and z by, at κ = 1 and without the ½(1+κ²)."""
        (t, t_next), (sigma, sigma_next), (s, s_next) = map(ends, (levels.times, levels.sigmas, levels.scales))
        frame, h = levels.schedule, t - t_next
        f, g2 = frame.dlog_scale(t), 2 * s**2 * sigma * frame.dsigma(t)
        match self.integrator:
            case "exponential":
                return s_next / s, s_next * score_weight(frame, t_next, t), s_next * np.sqrt(sigma**2 - sigma_next**2)
            case "ancestral":
                if (2 * h * f <= -1).any():
                    raise ValueError("integrator ancestral needs β = g² h below 1 on every interval: use more levels")
                return 1 / np.sqrt(1 + 2 * h * f), h * g2 / np.sqrt(1 + 2 * h * f), np.sqrt(h * g2)
        return 1 - h * f, h * g2, np.sqrt(h * g2)


def ends(values: tuple[float, ...]) -> NDArray[np.float64]:
    """The first and the last value of each interval, (2, intervals)."""
    return np.array([values[:-1], values[1:]])


def score_weight(frame: Schedule, t_next: Floats, t: Floats) -> Floats:
    """∫ s dσ² over each interval, the weight of a constant score_y, by Gauss–Legendre quadrature with 16 points."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    times = t_next + (t - t_next) * (nodes[:, None] + 1) / 2
    return weights @ (frame.scale(times) * 2 * frame.sigma(times) * frame.dsigma(times)) * (t - t_next) / 2
