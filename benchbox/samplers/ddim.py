"""The DDIM family."""

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
class DDIM(Sampler):
    """DDIM (Song et al. 2020, eq. 12, 16): η = 0 is Euler on dx/dσ, η = 1 is ancestral sampling with variance small."""

    name = "ddim"
    order = 1
    eta: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must be between 0 and 1, not {self.eta}.")

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            tau = self.eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2)
            # D + √(σ'² − τ²) ε̂ with ε̂ = (x − D)/σ
            x = denoise(x, sigma).lerp(x, math.sqrt(sigma_next**2 - tau**2) / sigma)
            if tau > 0:
                x = x.add(noise(sigma, sigma_next), alpha=tau)
            yield x
