"""Diffusion posterior sampling as a guidance."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.guidances.posterior import PosteriorDenoiser
from benchbox.residual_gradient import residual_gradient

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.measurement import Measurement
    from benchbox.model import Model
    from benchbox.problem import Problem


@dataclass(frozen=True)
class DPS(PosteriorDenoiser):
    """DPS (Chung et al. 2023, arXiv:2209.14687, algorithm 1), x' −= ζ ∇ ‖y − A(D)‖ after each step, as a denoiser.

    The step from σ to σ' is moved by that where D is moved by −ζ σ/(σ − σ') √(1 + σ²) √(1 + σ'²) ∇_x ‖y − A(D)‖, the
    roots being those of the paper's frame, x/√(1 + σ²). With `ddim` it is algorithm 1 without its noise. The norm is of
    each sample; in the authors' code it is of the whole batch. ζ is `zeta`. As the pull grows with the number of steps,
    there is no continuous limit. Any differentiable A. An evaluation and a backward.
    """

    name = "dps"
    continuous_limit = False
    zeta: float = 0.3

    def check_problem(self, problem: Problem, model: Model) -> None:
        pass

    def mean(self, denoise: Denoiser, x: Tensor, sigma: float, y: Measurement, levels: Levels) -> Tensor:
        after = bisect_right(levels.sigmas, -sigma, key=lambda level: -level)
        sigma_next = levels.sigmas[after] if after < len(levels.sigmas) else 0.0
        d, gradient = residual_gradient(denoise, x, sigma, y)
        roots = math.sqrt((1 + sigma**2) * (1 + sigma_next**2))
        return d - self.zeta * sigma / (sigma - sigma_next) * roots * gradient
