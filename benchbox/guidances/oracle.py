"""The exact posterior denoiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.gaussians import posterior_of
from benchbox.guidances.posterior import PosteriorDenoiser

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.measurement import Measurement
    from benchbox.model import Model


@dataclass(frozen=True)
class Oracle(PosteriorDenoiser):
    """The exact D_y = E[x_0 | x, y], for Gaussian data and mixtures (Mammadov et al., EPS, theorem 1).

    With N(0, Σ*), Σ* = (I/σ² + AᵀA/σ_y²)⁻¹, as the noise of μ* = Σ* (x/σ² + Aᵀy/σ_y²) it is E[x_0 | x_0 + n = μ*]; here
    by conditioning each Gaussian on x and then on y. Every sampler then draws the exact posterior, but for its
    discretisation and its start. It counts as one evaluation.
    """

    name = "oracle"

    def check(self, model: Model) -> None:
        if model.mixture_law() is None:
            raise UsageError(
                f"guidance oracle needs data whose posterior is a formula (gaussian, mixture), and that of model "
                f"{model.title} is not known: use another, such as mmps."
            )

    def mean(self, denoise: Denoiser, x: Tensor, sigma: float, y: Measurement, levels: Levels) -> Tensor:
        denoise.rows += len(x)
        exact = posterior_of(denoise.model, y.problem, x.device)
        return denoise.clock(exact.mean, y.y, x, sigma).to(x.dtype).view(x.shape)
