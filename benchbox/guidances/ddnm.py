"""Denoising diffusion null-space models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.guidances.posterior import PosteriorDenoiser

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.measurement import Measurement


@dataclass(frozen=True)
class DDNM(PosteriorDenoiser):
    """A⁺ y + (I − A⁺ A) D, the null space of A alone from the network (Wang et al. 2023, arXiv:2212.00490).

    With noise it is DDNM+, D + Σ A⁺ (y − A D): along a singular vector of A of value s, Σ is 1 while the noise σ_y/s of
    A⁺ y is below σ, and σ s/σ_y then (the paper's choice for η = 0, at the level itself; its reduced noise belongs to
    a sampler). An evaluation and no backward.
    """

    name = "ddnm"

    def mean(self, denoise: Denoiser, x: Tensor, sigma: float, y: Measurement, levels: Levels) -> Tensor:
        d = denoise(x, sigma)
        return d + y.filtered(lambda s: (s * sigma / y.sigma_y if y.sigma_y else s / s).clamp(max=1) / s, y.residual(d))
