"""The linear multistep method of k-diffusion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from benchbox import Sampler
from benchbox_solvers.adams import adams_bashforth, multistep, orders

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox_solvers.types import Denoise, Noise


@dataclass(frozen=True)
class LMS(Sampler):
    """Adams–Bashforth on dx/dσ with the weights of the actual steps (k-diffusion, sample_lms; DEIS-ρAB of Zhang &
    Chen 2023, arXiv:2204.13902).

    A step uses the last max_order evaluations. The first step is Euler's, so the order is at most 2.
    """

    name = "lms"
    aliases = ("ipndm-v",)
    grid = "karras"
    max_order: Literal[1, 2, 3, 4] = 4

    @property
    def order(self) -> int:
        return min(self.max_order, 2)

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        weights = partial(adams_bashforth, variable=lambda sigma: sigma)
        return multistep(denoise, x, grid.sigmas, orders(self.max_order, len(grid.sigmas)), weights)
