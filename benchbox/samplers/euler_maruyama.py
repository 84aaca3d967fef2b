"""Euler–Maruyama on the reverse SDE, down to Euler on the probability-flow ODE."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

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
    """

    name = "euler-maruyama"
    aliases = ("em",)
    order = 1
    kappa: float = 1.0
    frame: Schedule | None = None

    def __post_init__(self) -> None:
        if self.kappa < 0:
            raise ValueError(f"kappa must not be negative, it is {self.kappa}.")

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        frame = grid.in_frame(self.frame)
        steps = zip(pairwise(frame.times), pairwise(frame.sigmas), pairwise(frame.scales), strict=True)
        for (t, t_next), (sigma, sigma_next), (s, s_next) in steps:
            h, f, dsigma = t - t_next, float(frame.schedule.dlog_scale(t)), float(frame.schedule.dsigma(t))
            linear = 1 - h * f
            drift = h * (1 + self.kappa**2) * dsigma / sigma  # ½(1+κ²) g² score_y = s · drift/h · (D − x)
            # y' = s (linear · x + drift · (D − x)), over s'
            x = x.lerp(denoise(x, sigma), drift / linear)
            if (growth := linear * s / s_next) != 1:
                x.mul_(growth)
            if self.kappa > 0:
                diffusion = self.kappa * math.sqrt(2 * sigma * dsigma * h)  # κ g √h / s
                x.add_(noise(sigma, sigma_next), alpha=diffusion * s / s_next)
            yield x
