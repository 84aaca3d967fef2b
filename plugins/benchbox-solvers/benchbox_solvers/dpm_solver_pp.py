"""DPM-Solver++, in data prediction: 2S, 2M and 3M."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import exp, expm1, log, sqrt
from typing import TYPE_CHECKING, Literal

from benchbox import Sampler
from benchbox_solvers.adams import orders

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox_solvers.types import Denoise, Noise

SolverType = Literal["midpoint", "heun"]
"""Weight of the difference in a two-point step: ½(1 − e^−h), as in the paper, or the exact integral."""


@dataclass(frozen=True)
class DPMSolverPP2S(Sampler):
    """DPM-Solver++(2S), singlestep, r = ½ (Lu et al. 2022b, arXiv:2211.01095, algorithm 1)."""

    name = "dpm-solver++2s"
    aliases = ("dpmpp-2s",)
    grid = "logsnr"
    order = 2
    evals_per_step = 2

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            middle = sqrt(sigma * sigma_next)
            u = denoise(x, sigma).lerp(x, middle / sigma)
            x = denoise(u, middle).lerp(x, sigma_next / sigma)
            yield x


@dataclass(frozen=True)
class DPMSolverPP2M(Sampler):
    """DPM-Solver++(2M), multistep (Lu et al. 2022b, arXiv:2211.01095, algorithm 2); the first step is DDIM's.

    x ← (σ'/σ) x + (1 − e^−h) D̄ with D̄ = D + (D − D_before) h/(2 h_before), h = λ' − λ, λ = −ln σ. solver_type heun
    weights the difference by the exact integral 1 − (1 − e^−h)/h in place of ½ (1 − e^−h).
    """

    name = "dpm-solver++2m"
    aliases = ("dpm-solver++", "dpmpp", "dpmpp-2m")
    grid = "logsnr"
    order = 2
    solver_type: SolverType = "midpoint"

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        d_before: Tensor | None = None
        h_before = 0.0
        for sigma, sigma_next in pairwise(grid.sigmas):
            h, d = log(sigma / sigma_next), denoise(x, sigma)
            x = d.lerp(x, sigma_next / sigma)
            if d_before is not None:
                weight = -expm1(-h) / 2 if self.solver_type == "midpoint" else 1 + expm1(-h) / h
                x.add_(d - d_before, alpha=weight * h / h_before)
            d_before, h_before = d, h
            yield x


@dataclass(frozen=True)
class DPMSolverPP3M(Sampler):
    """DPM-Solver++(3M), multistep (Lu et al. 2022b, arXiv:2211.01095; their code, multistep of order 3).

    The authors' code uses half of the exact weight of the second difference, which reduces the order to 2 with a
    small error, as does the DDIM step at the start. solver_type: of the two-point steps. lower_order_final: the
    last step uses two points, as in their code for fewer than 15 steps.
    """

    name = "dpm-solver++3m"
    aliases = ("dpmpp-3m",)
    grid = "logsnr"
    order = 2
    solver_type: SolverType = "midpoint"
    lower_order_final: bool = True

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        order = orders(3, len(grid.sigmas), self.lower_order_final)
        return multistep(denoise, x, grid, noise, order, self.solver_type)


def multistep(
    denoise: Denoise,
    x: Tensor,
    grid: Levels,
    noise: Noise,
    order: list[int],
    solver_type: SolverType,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Iterator[Tensor]:
    """DPM-Solver++ of one to three points on the reverse SDE with noise η, with D a polynomial in λ = −ln σ.

    x' = e^−H x + ∫ e^(H(s−1)) D H ds + σ' √(1 − e^−2ηh) z with h = λ' − λ and H = (1 + η) h.
    """
    past: deque[Tensor] = deque(maxlen=3)
    h_1 = h_2 = 0.0
    for i, (sigma, sigma_next) in enumerate(pairwise(grid.sigmas)):
        h = log(sigma / sigma_next)
        H = (1 + eta) * h
        past.appendleft(denoise(x, sigma))
        x = past[0].lerp(x, exp(-H))
        if order[i] > 1:
            phi_2 = 1 + expm1(-H) / H
            d = (past[0] - past[1]) * (h / h_1)
            if order[i] == 2:
                x.add_(d, alpha=-expm1(-H) / 2 if solver_type == "midpoint" else phi_2)
            else:
                d_1 = (past[1] - past[2]) * (h / h_2)
                d_2 = (d - d_1) * (h / (h_1 + h_2))
                x.add_(d.add_(d_2, alpha=h_1 / h), alpha=phi_2).add_(d_2, alpha=0.5 - phi_2 / H)
        if eta > 0:
            x.add_(noise(sigma, sigma_next), alpha=s_noise * sigma_next * sqrt(-expm1(-2 * eta * h)))
        h_1, h_2 = h, h_1
        yield x
