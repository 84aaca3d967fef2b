"""SA-Solver: stochastic Adams methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import expm1, log, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchbox import Sampler
from benchbox_solvers.adams import gauss, lagrange, orders

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox_solvers.types import Denoise, Noise, Point


@dataclass(frozen=True)
class SASolver(Sampler):
    """SA-Solver (Xue et al. 2023, arXiv:2309.05019, eq. 14–17, algorithm 1): predictor, corrector, one evaluation.

    Data prediction, on the reverse SDE with noise strength tau for s_min ≤ σ ≤ s_max and 0 elsewhere. predictor_order
    and corrector_order are numbers of points (0: no corrector). Two-point formulas weight the difference by H/2, not by
    the exact integral, as in the authors' code. The evaluation at the end of a step is used to correct the step, with
    the same noise, and in the next step. lower_order_final: the last step uses at most two points.
    """

    name = "sa-solver"
    grid = "logsnr"
    predictor_order: Literal[1, 2, 3] = 3
    corrector_order: Literal[0, 2, 3, 4] = 4
    tau: float = 1.0
    s_min: float = 0.05
    s_max: float = 1.0
    lower_order_final: bool = True

    def __post_init__(self) -> None:
        if self.tau < 0:
            raise ValueError(f"tau must be at least 0, not {self.tau:g}.")

    @property
    def order(self) -> int:
        return min(max(self.predictor_order, self.corrector_order), 2)

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        past: list[Point] = []
        order = orders(self.predictor_order, len(grid.sigmas), self.lower_order_final)
        start, z = x, None
        for i, (sigma, sigma_next) in enumerate(pairwise(grid.sigmas)):
            past = [(sigma, denoise(x, sigma)), *past[:3]]
            if i and self.corrector_order:
                x = self.step(start, (grid.sigmas[i - 1], sigma), past[: self.corrector_order], z)
            start = x
            z = noise(sigma, sigma_next) if self.strength(sigma) else None
            x = self.step(x, (sigma, sigma_next), past[: order[i]], z)
            yield x

    def strength(self, sigma: float) -> float:
        """τ of the step that starts at sigma."""
        return self.tau if self.s_min <= sigma <= self.s_max else 0.0

    def step(self, x: Tensor, interval: tuple[float, float], points: Sequence[Point], z: Tensor | None) -> Tensor:
        """eq. 14 and 17: the linear part and the noise exactly, the data as a polynomial in λ through the points."""
        (s, t), tau2 = interval, self.strength(interval[0]) ** 2
        x = x * (t / s) ** (1 + tau2)
        for (_, d), weight in zip(points, weights(interval, [p[0] for p in points], tau2), strict=True):
            x.add_(d, alpha=weight)
        return x if z is None else x.add_(z, alpha=t * sqrt(-expm1(-2 * tau2 * log(s / t))))


def weights(interval: tuple[float, float], levels: Sequence[float], tau2: float) -> list[float]:
    """∫ (1 + τ²) e^((1+τ²)(λ − λ')) l_j(λ) dλ over an interval, for the Lagrange polynomials through the levels."""
    s, t = interval
    rate, h = 1 + tau2, log(s / t)
    nodes, w = gauss(0, h)
    b = lagrange(np.log(s / np.array(levels)), nodes) @ (w * rate * np.exp(rate * (nodes - h)))
    if len(levels) == 2:
        exact = h + expm1(-rate * h) / rate
        change = (rate * h**2 / 2 - exact) / log(levels[1] / levels[0])
        b += change, -change
    return [float(w) for w in b]
