"""Langevin dynamics at one level."""

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
class Langevin(Sampler):
    """Unadjusted Langevin dynamics at the last level, from any start (Song & Ermon 2019, arXiv:1907.05600, eq. 4).

    A step for each interval: x ← x + ½ α score + s_noise √α z, α = step_size in the squared unit of the data. It leaves
    the law of the last level in place but for an error of order α, and comes to it as α N grows: in practice not where
    modes are apart. s_noise = 0 is gradient ascent of the density.
    """

    name = "langevin"
    one_level = True
    biased_by = ("step_size", "s_noise")
    step_size: float = 0.05
    s_noise: float = 1.0

    def __post_init__(self) -> None:
        if self.step_size <= 0 or self.s_noise < 0:
            raise ValueError("step_size must be above 0 and s_noise at least 0.")

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        end, alpha = grid.sigmas[-1], self.step_size
        for sigma, sigma_next in pairwise(grid.sigmas):
            score = (denoise(x, end) - x) / end**2
            z = noise(sigma, sigma_next)
            x = x.add(score, alpha=alpha / 2).add_(z, alpha=self.s_noise * math.sqrt(alpha))
            yield x
