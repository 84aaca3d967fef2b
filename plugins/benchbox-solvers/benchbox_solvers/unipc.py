"""UniPC: the unified predictor–corrector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, expm1, log
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchbox import Sampler
from benchbox_solvers.adams import gauss, orders

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox_solvers.types import Denoise, Noise, Point


@dataclass(frozen=True)
class UniPC(Sampler):
    """UniPC-p, multistep, in data prediction (Zhao et al. 2023, arXiv:2302.04867, algorithms 1 and 2).

    One evaluation per step: it corrects the step and is used in the next one; the last state is not corrected. variant:
    B(h) = h (bh1) or 1 − e^−h (bh2). B cancels where the weights solve a linear system, so it only affects two-point
    formulas, which have weight ½ B(h) as in the authors' code: the start of order 3. lower_order_final: the last step
    has order at most 2.
    """

    name = "unipc"
    aliases = ("uni-pc",)
    grid = "logsnr"
    order: Literal[1, 2, 3] = 3
    variant: Literal["bh1", "bh2"] = "bh2"
    lower_order_final: bool = True

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        past: list[Point] = []
        order = orders(self.order, len(grid.sigmas), self.lower_order_final)
        start = x
        for i, (sigma, sigma_next) in enumerate(pairwise(grid.sigmas)):
            new = sigma, denoise(x, sigma)
            if i:
                x = self.step(start, sigma, [*past[: order[i - 1]], new])
            past, start = [new, *past[: self.order - 1]], x
            x = self.step(x, sigma_next, past[: order[i]])
            yield x

    def step(self, x: Tensor, sigma_next: float, points: Sequence[Point]) -> Tensor:
        """From the first point's level to sigma_next: e^−h x + (1 − e^−h) D + B(h) Σ a_m (D_m − D)/r_m."""
        (sigma, base), *others = points
        h = log(sigma / sigma_next)
        r = [log(sigma / s) / h for s, _ in others]
        x = base.lerp(x, exp(-h))
        for (_, d), weight in zip(others, self.weights(r, h), strict=True):
            x.add_(d - base, alpha=weight)
        return x

    def weights(self, r: list[float], h: float) -> list[float]:
        """B(h) a_m / r_m with Σ B(h) a_m r_m^(k−1) = ∫ h e^(h(s−1)) s^k ds, s from 0 to 1, for k up to their number."""
        if len(r) < 2:
            B = h if self.variant == "bh1" else -expm1(-h)
            return [B / 2 / r_m for r_m in r]
        s, w = gauss(0, 1)
        k = np.arange(1, len(r) + 1)[:, None]
        moments = np.sum(w * h * np.exp(h * (s - 1)) * s**k, axis=1)
        return [float(w) for w in np.linalg.solve(np.array(r) ** (k - 1), moments) / r]
