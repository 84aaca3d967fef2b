"""Ancestral sampling, the DDPM's own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


@dataclass(frozen=True)
class Ancestral(Sampler):
    """Ancestral sampling (Ho et al. 2020, algorithm 2): the posterior mean of the DDPM, and its noise.

    variance small is the posterior's σ̃² = β̃, large is β of the interval (Ho et al. 2020, §3.2), which depends on the
    scale, so on the frame (None: the run's schedule).
    """

    name = "ancestral"
    aliases = ("ddpm",)
    order = 1
    variance: Literal["small", "large"] = "small"
    frame: Schedule | None = None

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        scales = grid.in_frame(self.frame).scales
        for (sigma, sigma_next), (s, s_next) in zip(pairwise(grid.sigmas), pairwise(scales), strict=True):
            r2 = (sigma_next / sigma) ** 2
            x = denoise(x, sigma).lerp(x, r2)
            small, large = sigma_next**2 * (1 - r2), (s / s_next) ** 2 * (sigma**2 - sigma_next**2)
            x = x.add(noise(sigma, sigma_next), alpha=math.sqrt(small if self.variance == "small" else large))
            yield x
