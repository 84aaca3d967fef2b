"""Ancestral samplers: a step of an ODE solver to a lower level, then noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

from benchbox import ancestral_step
from benchbox_solvers.stochastic import Stochastic

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox_solvers.types import Denoise, Noise


@dataclass(frozen=True)
class EulerAncestral(Stochastic):
    """Euler's method on dx/dσ with ancestral noise (k-diffusion, sample_euler_ancestral; the noise of Song, Meng
    & Ermon 2021, arXiv:2010.02502, eq. 16)."""

    name = "euler-ancestral"
    aliases = ("euler-a",)
    grid = "karras"
    order = 1

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            sigma_down, sigma_up = ancestral_step(sigma, sigma_next, self.eta)
            x = denoise(x, sigma).lerp(x, sigma_down / sigma)
            if sigma_up > 0:
                x.add_(noise(sigma, sigma_next), alpha=self.s_noise * sigma_up)
            yield x


@dataclass(frozen=True)
class DPM2Ancestral(Stochastic):
    """DPM-Solver-2 (Lu et al. 2022, arXiv:2206.00927, algorithm 1, r₁ = ½) with ancestral noise (k-diffusion,
    sample_dpm_2_ancestral).

    The noise is added after the step, so the order is that of the ODE step.
    """

    name = "dpm2-ancestral"
    aliases: ClassVar[tuple[str, ...]] = ("dpm2-a",)
    grid = "karras"
    order = 2
    evals_per_step = 2

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            sigma_down, sigma_up = ancestral_step(sigma, sigma_next, self.eta)
            middle = sqrt(sigma * sigma_down)
            u = denoise(x, sigma).lerp(x, middle / sigma)
            x = x.add(u - denoise(u, middle), alpha=(sigma_down - sigma) / middle)
            if sigma_up > 0:
                x.add_(noise(sigma, sigma_next), alpha=self.s_noise * sigma_up)
            yield x


@dataclass(frozen=True)
class DPM2(DPM2Ancestral):
    """DPM-Solver-2 as Karras et al. 2022 (arXiv:2206.00364) write it (k-diffusion, sample_dpm_2): dpm-solver of order
    2."""

    name = "dpm2"
    aliases = ()
    eta: float = 0.0
