"""DEIS: exponential integrator with Adams–Bashforth extrapolation of the noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchbox import Sampler, Schedule
from benchbox_solvers.adams import Variable, adams_bashforth, multistep, orders

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox_solvers.types import Denoise, Noise


@dataclass(frozen=True)
class DEIS(Sampler):
    """DEIS-AB (Zhang & Chen 2023, arXiv:2204.13902, eq. 14, 15): ε̂ is a polynomial through the last max_order levels
    (theirs: r + 1).

    variant: the variable of the polynomial. t (tAB) is the time of the frame (None: the run's schedule), rho (ρAB)
    σ itself, logrho ln σ, which is what diffusers takes. The first step is DDIM's, so the order is at most 2.
    lower_order_final: the last step uses at most two points.
    """

    name = "deis"
    max_order: Literal[1, 2, 3, 4] = 3
    variant: Literal["t", "rho", "logrho"] = "t"
    frame: Schedule | None = None
    lower_order_final: bool = False

    @property
    def order(self) -> int:
        return min(self.max_order, 2)

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        order = orders(self.max_order, len(grid.sigmas), self.lower_order_final)
        time: Variable = grid.in_frame(self.frame).schedule.time
        variables: dict[str, Variable] = {"t": time, "rho": lambda sigma: sigma, "logrho": np.log}
        weights = partial(adams_bashforth, variable=variables[self.variant])
        return multistep(denoise, x, grid.sigmas, order, weights)
