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
    """Euler–Maruyama in a frame y = s x, time t (Song et al. 2021, eq. 6, 13; noise strength κ as in their app. D):

    y ← y − h [f y − ½(1+κ²) g² score_y] + κ g √h z, h = t − t'. κ = 1 is the reverse SDE, κ = 0 Euler on the ODE in t.
    integrator exponential: score_y held over the step, the rest solved exactly (Zhang & Chen 2023, eq. 8; Pierret &
    Galerne 2025, "EI"). ancestral: y ← (y + ½(1+κ²) h g² score_y)/√(1+2hf) + κ g √h z, the DDPM step with β = g² h of
    a variance-preserving frame (Song et al. 2021, eq. 4; Pierret & Galerne's "DDPM").
    """

    name = "euler-maruyama"
    aliases = ("em",)
    order = 1
    kappa: float = 1.0
    frame: Schedule | None = None
    integrator: Literal["euler", "exponential", "ancestral"] = "euler"

    def __post_init__(self) -> None:
        if self.kappa < 0:
            raise ValueError(f"kappa must not be negative, it is {self.kappa}.")

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        frame = grid.in_frame(self.frame)
        for i, (sigma, sigma_next) in enumerate(pairwise(frame.sigmas)):
            keep, drift, diffusion = self.step(frame.interval(i))
            drift *= (1 + self.kappa**2) / 2
            x = x.lerp(denoise(x, sigma), drift / keep)
            if keep != 1:
                x.mul_(keep)
            if self.kappa > 0:
                x.add_(noise(sigma, sigma_next), alpha=self.kappa * diffusion)
            yield x

    def step(self, interval: Levels) -> tuple[float, float, float]:
        """What one interval multiplies x, D − x and z by, in x = y/s, at κ = 1 and without the ½(1+κ²)."""
        (t, t_next), (s, s_next), frame = interval.times, interval.scales, interval.schedule
        (sigma, sigma_next), h, f = interval.sigmas, t - t_next, float(frame.dlog_scale(t))
        rate = 2 * sigma * float(frame.dsigma(t))  # g²/s²
        to_next = s / s_next
        match self.integrator:
            case "exponential":
                gain = held(frame, t_next, t) / s
                return 1.0, gain / sigma**2, math.sqrt(sigma**2 - sigma_next**2)
            case "ancestral":
                if 2 * h * f <= -1:
                    raise ValueError("integrator ancestral needs β = g² h below 1 on every interval: take more levels")
                keep = to_next / math.sqrt(1 + 2 * h * f)
                return keep, keep * h * rate / sigma**2, math.sqrt(h * rate) * to_next
        return (1 - h * f) * to_next, h * rate / sigma**2 * to_next, math.sqrt(h * rate) * to_next


def held(frame: Schedule, t_next: float, t: float) -> float:
    """∫ s dσ² over an interval: what a held score_y adds up to, by Gauss–Legendre with 16 points."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    at = t_next + (t - t_next) * (nodes + 1) / 2
    return float(np.sum(weights * frame.scale(at) * 2 * frame.sigma(at) * frame.dsigma(at)) * (t - t_next) / 2)
