"""DPM-Solver, singlestep, in noise prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import expm1, log
from typing import TYPE_CHECKING, Literal

from benchbox import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox_solvers.types import Denoise, Noise


@dataclass(frozen=True)
class DPMSolver(Sampler):
    """DPM-Solver-1, -2 (r₁ = ½) and -3 (r₁ = ⅓, r₂ = ⅔) in the noise ε̂ (Lu et al. 2022, arXiv:2206.00927, eq. 3.7,
    algorithms 1 and 2).

    Every interval is one step of full order k with k evaluations; the inner levels are equally spaced in λ = −ln σ.
    Order 1 is DDIM.
    """

    name = "dpm-solver"
    aliases = ("dpm-solver-2",)
    grid = "logsnr"
    order: Literal[1, 2, 3] = 2

    @property
    def evals_per_step(self) -> int:
        return self.order

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        def eps(x: Tensor, sigma: float) -> Tensor:
            return (x - denoise(x, sigma)) / sigma

        step = {1: self.first, 2: self.second, 3: self.third}[self.order]
        for sigma, sigma_next in pairwise(grid.sigmas):
            x = step(eps, x, sigma, sigma_next)
            yield x

    @staticmethod
    def first(eps: Denoise, x: Tensor, s: float, t: float) -> Tensor:
        return x.add(eps(x, s), alpha=t - s)

    @staticmethod
    def second(eps: Denoise, x: Tensor, s: float, t: float) -> Tensor:
        m = (s * t) ** 0.5
        u = x.add(eps(x, s), alpha=m - s)
        return x.add(eps(u, m), alpha=t - s)

    @staticmethod
    def third(eps: Denoise, x: Tensor, s: float, t: float) -> Tensor:
        h, e = log(s / t), eps(x, s)
        s_1, s_2 = s * (t / s) ** (1 / 3), s * (t / s) ** (2 / 3)
        d_1 = eps(x.add(e, alpha=s_1 - s), s_1) - e
        u_2 = x.add(e, alpha=s_2 - s).add_(d_1, alpha=-2 * s_2 * slope(2 * h / 3))
        d_2 = eps(u_2, s_2) - e
        return x.add(e, alpha=t - s).add_(d_2, alpha=-1.5 * t * slope(h))


def slope(h: float) -> float:
    """(e^h − 1)/h − 1."""
    return expm1(h) / h - 1
