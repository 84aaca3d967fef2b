"""Exponential integrators for the reverse SDE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, Literal

from benchbox import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox_solvers.types import Denoise, Noise


@dataclass(frozen=True)
class ExponentialIntegrator(Sampler):
    """The reverse SDE dx = (1 + κ²) ε̂ dσ + κ √(2σ) dw, solved exactly up to a quantity held constant over a step.

    hold: the noise ε̂ (SDE-DPM-Solver-1, Lu et al. 2022b, arXiv:2211.01095), the data D (SDE-DPM-Solver++1; at κ = 1
    ancestral sampling) or the score (Zhang & Chen 2023, arXiv:2204.13902, eq. 8, in x = y/s). κ = 0 is the
    probability-flow ODE.
    """

    name = "exponential-integrator"
    aliases = ("ei", "sde-dpm-solver")
    order = 1
    kappa: float = 1.0
    hold: Literal["eps", "x0", "score"] = "eps"

    def __post_init__(self) -> None:
        if self.kappa < 0:
            raise ValueError(f"kappa must be at least 0, not {self.kappa:g}.")

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        drift, diffusion = 1 + self.kappa**2, self.kappa**2
        for s, t in pairwise(grid.sigmas):
            keep = {
                "eps": 1 - drift * (1 - t / s),
                "x0": (t / s) ** drift,
                "score": 1 - drift * (1 - (t / s) ** 2) / 2,
            }[self.hold]
            x = denoise(x, s).lerp(x, keep)
            if self.kappa > 0:
                std = t * sqrt(1 - (t / s) ** (2 * diffusion)) if self.hold == "x0" else self.kappa * sqrt(s**2 - t**2)
                x.add_(noise(s, t), alpha=std)
            yield x
