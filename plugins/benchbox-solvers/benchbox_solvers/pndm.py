"""PNDM and iPNDM: Adams–Bashforth weights of equal steps, and DDIM's transfer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from benchbox import Sampler, Schedule
from benchbox_solvers.adams import multistep, orders

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox_solvers.types import Denoise, Noise

WEIGHTS = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
"""Adams–Bashforth weights of equal steps, newest first, by the number of points."""


def transfer(past: Sequence[float], sigma_next: float) -> list[float]:
    """The weights of the past noises in the step from past[0] to sigma_next."""
    return [(sigma_next - past[0]) * w for w in WEIGHTS[len(past) - 1]]


@dataclass(frozen=True)
class IPNDM(Sampler):
    """iPNDM (Zhang & Chen 2023, arXiv:2204.13902): PNDM's multistep formula from the first step, with all points so
    far.

    The weights assume equal steps, so the order is at most 2.
    """

    name = "ipndm"
    grid = "karras"
    max_order: Literal[1, 2, 3, 4] = 4

    @property
    def order(self) -> int:
        return min(self.max_order, 2)

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        return multistep(denoise, x, grid.sigmas, orders(self.max_order, len(grid.sigmas)), transfer)


@dataclass(frozen=True)
class PNDM(Sampler):
    """F-PNDM (Liu et al. 2022, arXiv:2202.09778, algorithm 2): three pseudo Runge–Kutta steps of four evaluations, then
    AB4.

    The middle of a Runge–Kutta step is taken in the time of the frame (None: the run's schedule). skip_prk_steps: one
    improved Euler step of two evaluations, then AB2, AB3, AB4, as in Stable Diffusion's PLMS.
    """

    name = "pndm"
    order = 2
    skip_prk_steps: bool = False
    frame: Schedule | None = None

    def evals(self, n_levels: int) -> int:
        extra = min(1, n_levels - 1) if self.skip_prk_steps else 3 * min(3, n_levels - 1)
        return n_levels - 1 + extra

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        def eps(x: Tensor, sigma: float) -> Tensor:
            return (x - denoise(x, sigma)) / sigma

        levels = grid.in_frame(self.frame)
        past: deque[Tensor] = deque(maxlen=4)
        for i, (s, s_next) in enumerate(pairwise(grid.sigmas)):
            e = eps(x, s)
            past.appendleft(e)
            if i < 3 and not self.skip_prk_steps:
                m, h = float(levels.schedule.sigma(sum(levels.times[i : i + 2]) / 2)), s_next - s
                e_2 = eps(x.add(e, alpha=m - s), m)
                e_3 = eps(x.add(e_2, alpha=m - s), m)
                e_4 = eps(x.add(e_3, alpha=h), s_next)
                x = x.add(e + 2 * (e_2 + e_3) + e_4, alpha=h / 6)
            elif i == 0:
                x = x.add(e + eps(x.add(e, alpha=s_next - s), s_next), alpha=(s_next - s) / 2)
            else:
                for w, e in zip(WEIGHTS[len(past) - 1], past, strict=True):
                    x = x.add(e, alpha=w * (s_next - s))
            yield x
