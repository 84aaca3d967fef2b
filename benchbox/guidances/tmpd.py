"""Tweedie moment projected diffusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.guidances.posterior import PosteriorDenoiser, require_adjoint

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.measurement import Measurement
    from benchbox.model import Model
    from benchbox.problem import Problem


@dataclass(frozen=True)
class TMPD(PosteriorDenoiser):
    """D + V Aᵀ (y − A D)/(σ_y² + A V Aᵀ 1), V = σ² Jᵀ (Boys et al. 2023, arXiv:2310.06721).

    The matrix A V Aᵀ of mmps is replaced by the diagonal of its row sums: exact where it is diagonal. An evaluation and
    two backwards.
    """

    name = "tmpd"

    def check_problem(self, problem: Problem, model: Model) -> None:
        super().check_problem(problem, model)
        require_adjoint(self, problem)

    def mean(self, denoise: Denoiser, x: Tensor, sigma: float, y: Measurement, levels: Levels) -> Tensor:
        import torch

        d, pull = denoise.pullback(x, sigma)
        residual = y.residual(d)
        row_sums = y.forward(sigma**2 * pull(y.adjoint(torch.ones_like(residual))))
        return d + sigma**2 * pull(y.adjoint(residual / (y.sigma_y**2 + row_sums)))
