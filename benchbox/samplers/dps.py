"""Diffusion posterior sampling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchbox.residual_gradient import residual_gradient
from benchbox.sampler import Sampler, ancestral_step, euler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


@dataclass(frozen=True)
class DPSSampler(Sampler):
    """DPS (Chung et al. 2023, arXiv:2209.14687, algorithm 1): an ancestral step, then x' −= ζ ∇ ‖y − A(D)‖.

    x and x' are those of the paper's frame, x/√(1 + σ²). The norm is of each sample; in the authors' code it is of the
    whole batch. ζ is `zeta`: 0.3 for blurs and super-resolution, 0.5 for inpainting, of 1,000 steps. As the pull grows
    with the number of steps, there is no continuous limit. Any differentiable A. A backward for each evaluation.
    """

    name = "dps"
    uses_measurement = True
    continuous_limit = False
    zeta: float = 0.3

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        y = denoise.measurement
        assert y is not None
        for sigma, sigma_next in pairwise(grid.sigmas):
            d, gradient = residual_gradient(denoise, x, sigma, y)
            sigma_down, sigma_up = ancestral_step(sigma, sigma_next)
            x = euler(d, x, sigma, sigma_down).add_(noise(sigma, sigma_next), alpha=sigma_up)
            frame = math.sqrt((1 + sigma**2) * (1 + sigma_next**2))
            x = x - self.zeta * frame * gradient
            yield x
