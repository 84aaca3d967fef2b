"""Pseudoinverse-guided diffusion."""

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
class PiGDM(PosteriorDenoiser):
    """ΠGDM: D + σ² Jᵀ Aᵀ (σ_y² I + r² A Aᵀ)⁻¹ (y − A D), r² = σ²/(1 + σ²) (Song et al. 2023, ICLR).

    The law of x_0 given x is taken for N(D, r² I), as it is where the data are N(0, I). An evaluation and a backward.
    """

    name = "pigdm"
    aliases = ("pgdm",)

    def mean(self, denoise: Denoiser, x: Tensor, sigma: float, y: Measurement, levels: Levels) -> Tensor:
        d, pull = denoise.pullback(x, sigma)
        r2 = sigma**2 / (1 + sigma**2)
        return d + sigma**2 * pull(y.filtered(lambda s: s / (y.sigma_y**2 + r2 * s**2), y.residual(d)))
