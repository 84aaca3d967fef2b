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

    With noise it is DDNM+, D + Σ A⁺ (y − A D), for a flow. Its rule is that the noise of y in the state stays within
    that of the level, and Σ is as near to I as that allows. Along a singular vector of A of value s, A⁺ y has the noise
    σ_y/s, and a flow keeps what it has taken: Σ is 1 while σ_y/s ≤ σ, and 0 below. The paper's min(1, σ s/σ_y) is for a
    sampler that draws the rest of its noise anew, as `ddrm` does; in a flow that noise would grow as
    1 + ln(σ_y/(s σ)). An evaluation and no backward.
    """

    name = "ddnm"

    def mean(self, denoise: Denoiser, x: Tensor, sigma: float, y: Measurement, levels: Levels) -> Tensor:
        d = denoise(x, sigma)
        return d + y.filtered(lambda s: (s * sigma >= y.sigma_y) / s, y.residual(d))
