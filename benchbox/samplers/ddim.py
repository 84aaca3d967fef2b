"""The DDIM family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchbox.sampler import Sampler, ancestral_step, euler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


@dataclass(frozen=True)
class DDIM(Sampler):
    """DDIM (Song, Meng & Ermon 2021, arXiv:2010.02502, eq. 12, 16): an Euler step to σ_down, then noise up to σ'.

    x ← D + √(σ'² − σ_up²) ε̂ + σ_up z with ε̂ = (x − D)/σ and σ_up = η σ' √(1 − σ'²/σ²). η = 0 is Euler's method on
    dx/dσ, η = 1 is ancestral sampling with variance small.
    """

    name = "ddim"
    order = 1
    eta: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must be between 0 and 1, not {self.eta}.")

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            sigma_down, sigma_up = ancestral_step(sigma, sigma_next, self.eta)
            x = euler(denoise(x, sigma), x, sigma, sigma_down)
            if sigma_up > 0:
                x.add_(noise(sigma, sigma_next), alpha=sigma_up)
            yield x
