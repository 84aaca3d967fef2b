"""Ancestral sampling, the sampler of DDPM."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from benchbox.sampler import Sampler, ancestral_step, euler
from benchbox.schedule import Schedule
from benchbox.variance import interpolated, require_learned_variance, reverse_stds

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.model import Model
    from benchbox.noise import Noise


@dataclass(frozen=True)
class Ancestral(Sampler):
    """Ancestral sampling (Ho et al. 2020, arXiv:2006.11239, algorithm 2): posterior mean and posterior noise.

    x ← (σ'²/σ²) x + (1 − σ'²/σ²) D + σ_up z, an Euler step to σ_down = σ'²/σ. variance small: σ_up² = σ'² (1 − σ'²/σ²),
    the posterior's β̃. large: σ_up² = (s/s')² (σ² − σ'²), β of the interval (§3.2), which depends on the scale s and
    so on the frame (None: the run's schedule). learned: β^v β̃^(1−v) with v of the network, per coordinate (Nichol &
    Dhariwal 2021, arXiv:2102.09672, eq. 15), β in the variance-preserving frame, s = 1/√(1+σ²); under a guidance v is
    that of the network under its condition.
    """

    name = "ancestral"
    aliases = ("ddpm",)
    order = 1
    variance: Literal["small", "large", "learned"] = "small"
    frame: Schedule | None = None

    def check(self, model: Model) -> None:
        if self.variance == "learned":
            require_learned_variance(model)

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        scales = grid.in_frame(self.frame).scales
        for (sigma, sigma_next), (s, s_next) in zip(pairwise(grid.sigmas), pairwise(scales), strict=True):
            sigma_down, sigma_up = ancestral_step(sigma, sigma_next)
            if self.variance == "learned":
                denoised, v = denoise.with_variance(x, sigma)
                up = interpolated(*reverse_stds(sigma, sigma_next), v)
                x = euler(denoised, x, sigma, sigma_down).addcmul_(up, noise(sigma, sigma_next))
            else:
                if self.variance == "large":
                    sigma_up = s / s_next * math.sqrt(sigma**2 - sigma_next**2)
                x = euler(denoise(x, sigma), x, sigma, sigma_down).add_(noise(sigma, sigma_next), alpha=sigma_up)
            yield x
