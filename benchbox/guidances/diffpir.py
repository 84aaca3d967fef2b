"""DiffPIR."""

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
class DiffPIR(PosteriorDenoiser):
    """DiffPIR: the z of least ‖y − A z‖² + ρ ‖z − D‖², ρ = λ σ_y²/σ² (Zhu et al. 2023, arXiv:2305.08995).

    It is D + Aᵀ (A Aᵀ + ρ I)⁻¹ (y − A D): the law of x_0 given x is taken for N(D, σ²/λ I). λ is `lambda_`, by default
    that of the authors' deblurring. An evaluation and no backward.
    """

    name = "diffpir"
    lambda_: float = 7.0

    def __post_init__(self) -> None:
        if not self.lambda_ > 0:
            raise ValueError("lambda_ must be above 0.")

    def mean(self, denoise: Denoiser, x: Tensor, sigma: float, y: Measurement, levels: Levels) -> Tensor:
        d = denoise(x, sigma)
        rho = self.lambda_ * y.sigma_y**2 / sigma**2
        return d + y.filtered(lambda s: s / (s**2 + rho), y.residual(d))
