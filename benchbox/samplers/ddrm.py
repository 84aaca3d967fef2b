"""Denoising diffusion restoration models."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.sampler import Sampler, euler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.model import Model
    from benchbox.noise import Noise
    from benchbox.problem import Problem


@dataclass(frozen=True)
class DDRM(Sampler):
    """DDRM (Kawar et al. 2022, arXiv:2201.11793): a step along the singular vectors of A = U diag(s) Vᵀ.

    In V's coordinates, with ȳ = Uᵀy/s, whose noise is σ_y/s. Where that is above σ',
    x' ~ N(D + √(1−η²) σ' (ȳ − D)/(σ_y/s), η²σ'²), elsewhere x' ~ N((1 − η_b) D + η_b ȳ, σ'² − η_b² σ_y²/s²).
    What A does not see makes a step of DDIM, x' ~ N(D + √(1−η²) σ' (x − D)/σ, η²σ'²). η is `eta`, η_b `eta_b`.
    """

    name = "ddrm"
    uses_measurement = True
    eta: float = 0.85
    eta_b: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.eta <= 1 and 0 <= self.eta_b <= 1):
            raise ValueError("eta and eta_b are from 0 to 1.")

    def check_problem(self, problem: Problem, model: Model) -> None:
        if not problem.linear:
            raise UsageError(f"sampler ddrm needs a linear problem, and {problem.name} is not linear: use dps.")

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        import torch

        y = denoise.measurement
        assert y is not None
        u, s, v = y.svd(x)
        y_bar, y_std = y.y.to(x).flatten(1) @ u / s, y.sigma_y / s
        kept = math.sqrt(1 - self.eta**2)

        def with_spectrum(x: Tensor, x_bar: Tensor) -> Tensor:
            """x whose coordinates that A sees are these."""
            return x + ((x_bar - x.flatten(1) @ v) @ v.mT).view(x.shape)

        sigma = grid.sigmas[0]
        start = y_bar + (sigma**2 - y_std**2).clamp_min(0).sqrt() * (x.flatten(1) @ v) / grid.start_std
        x = with_spectrum(x, torch.where(y_std <= sigma, start, x.flatten(1) @ v))
        for sigma, sigma_next in pairwise(grid.sigmas):
            d, z = denoise(x, sigma), noise(sigma, sigma_next)
            d_bar, z_bar = d.flatten(1) @ v, z.flatten(1) @ v
            sigma_down, sigma_up = kept * sigma_next, self.eta * sigma_next
            noisy = d_bar + sigma_down * (y_bar - d_bar) / y_std.clamp_min(1e-300) + sigma_up * z_bar
            spread = (sigma_next**2 - self.eta_b**2 * y_std**2).clamp_min(0).sqrt()
            clean = d_bar.lerp(y_bar, self.eta_b) + spread * z_bar
            x = euler(d, x, sigma, sigma_down).add_(z, alpha=sigma_up)
            x = with_spectrum(x, torch.where(y_std <= sigma_next, clean, noisy))
            yield x
