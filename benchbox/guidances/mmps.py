"""Moment matching posterior sampling."""

from __future__ import annotations

from collections.abc import Callable
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
class MMPS(PosteriorDenoiser):
    """D + V Aᵀ (σ_y² I + A V Aᵀ)⁻¹ (y − A D), V = σ² Jᵀ = Cov[x_0 | x] (Rozet et al. 2024, arXiv:2405.13712).

    The system is solved by `iterations` steps of conjugate gradients, for each sample alone: an evaluation and
    iterations + 1 backwards. Exact on Gaussian data after as many iterations as A V Aᵀ has different eigenvalues.
    """

    name = "mmps"
    iterations: int = 5

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError("iterations must be at least 1.")

    def check_problem(self, problem: Problem, model: Model) -> None:
        super().check_problem(problem, model)
        require_adjoint(self, problem)

    def mean(self, denoise: Denoiser, x: Tensor, sigma: float, y: Measurement, levels: Levels) -> Tensor:
        d, pull = denoise.pullback(x, sigma)

        def v_at(u: Tensor) -> Tensor:
            return sigma**2 * pull(y.adjoint(u))

        def system(u: Tensor) -> Tensor:
            return y.sigma_y**2 * u + y.forward(v_at(u))

        return d + v_at(conjugate_gradients(system, y.residual(d), self.iterations))


def conjugate_gradients(system: Callable[[Tensor], Tensor], b: Tensor, iterations: int) -> Tensor:
    """u of system(u) = b, symmetric and positive, each sample alone (Hestenes & Stiefel 1952).

    A sample stops where its residual is rounding, or where the system is not positive along its direction, as that of
    a network may be.
    """

    import torch

    def dot(a: Tensor, c: Tensor) -> Tensor:
        return (a * c).flatten(1).sum(1).view(-1, *[1] * (b.ndim - 1))

    u, r, p = torch.zeros_like(b), b, b
    rho = dot(b, b)
    rounding = rho * torch.finfo(b.dtype).eps ** 2
    for _ in range(iterations):
        q = system(p)
        curvature = dot(p, q)
        step = torch.where((rho > rounding) & (curvature > 0), rho / curvature, 0.0)
        u, r = u + step * p, r - step * q
        rho_next = dot(r, r)
        p = r + torch.where(step > 0, rho_next / rho, 0.0) * p
        rho = rho_next
    return u
