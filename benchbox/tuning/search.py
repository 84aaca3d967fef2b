"""Levels by a derivative-free search of the sampler's own error from the same noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Theta = NDArray[np.float64]

RHO = 7
"""Levels are moved in σ^(1/7), as on Karras's grid."""

RADIUS = 0.5
"""First trust radius, in the logit of a share."""


class Coordinates:
    """Levels as unconstrained numbers: each takes a share of what is left in σ^(1/7), the first of the whole range.

    σ_i^(1/7) = σ_(i−1)^(1/7) − s_i (σ_(i−1)^(1/7) − σ_min^(1/7)) with s_i = 1/(1 + e^−θ_i), and σ_(−1) = σ_max.
    """

    def __init__(self, sigma_max: float, sigma_min: float) -> None:
        self.first, self.last = sigma_max ** (1 / RHO), sigma_min ** (1 / RHO)

    def sigmas(self, theta: Theta) -> list[float]:
        roots = [self.first]
        for share in 1 / (1 + np.exp(-np.clip(theta, -12, 12))):
            roots.append(roots[-1] - share * (roots[-1] - self.last))
        return [float(root**RHO) for root in roots[1:]]

    def theta(self, sigmas: Sequence[float]) -> Theta:
        roots = np.maximum([self.first, *(sigma ** (1 / RHO) for sigma in sigmas)], self.last * (1 + 1e-9))
        shares = np.clip(-np.diff(roots) / (roots[:-1] - self.last), 1e-3, 1 - 1e-4)
        return np.log(shares / (1 - shares))


def searched_levels(
    error: Callable[[Sequence[float]], float],
    starts: Sequence[Sequence[float]],
    ends: tuple[float, float],
    calls: int,
) -> list[float]:
    """The levels of least error that COBYQA (Ragonneau & Zhang 2024) finds from each start, in so many calls in all.

    ends: σ_max and σ_min, between which all levels move, the first and the last included.
    """
    space = Coordinates(*ends)
    tried: dict[float, list[float]] = {}

    def objective(theta: Theta) -> float:
        sigmas = space.sigmas(theta)
        value = error(sigmas)
        tried.setdefault(value, sigmas)
        return float(np.log(max(value, 1e-12))) if np.isfinite(value) else 1e3

    for start in starts:
        options = {"maxfev": calls // len(starts), "initial_tr_radius": RADIUS, "final_tr_radius": 1e-3}
        minimize(objective, space.theta(start), method="COBYQA", options=options)
    return tried[min(tried)]
