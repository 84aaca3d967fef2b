"""Annealed Langevin dynamics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.sampler import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


@dataclass(frozen=True)
class AnnealedLangevin(Sampler):
    """Annealed Langevin dynamics (Song & Ermon 2019, arXiv:1907.05600, algorithm 1).

    T = steps_per_level times at each level: x ← x + ½ α_i score + √α_i z, α_i = step_size σ_i². step_size 0.2 is the
    paper's 2e-5 at σ_L = 0.01. L levels cost L·T evaluations, so a single level costs evaluations, too.

    Both options belong to the ladder (Song & Ermon 2020, arXiv:2006.09011, technique 4): where the levels are far
    apart, small steps leave noise of the level before, which adds up. docs/noise_ladder.py gives them for a data set.
    """

    name = "annealed-langevin"
    aliases = ("ald",)
    grid = "logsnr"
    biased_by = ("step_size",)
    step_size: float = 0.2
    steps_per_level: int = 5

    def __post_init__(self) -> None:
        if self.step_size <= 0 or self.steps_per_level < 1:
            raise ValueError("step_size must be above 0 and steps_per_level at least 1.")

    @property
    def evals_per_step(self) -> int:
        return self.steps_per_level

    def evals(self, n_levels: int) -> int:
        return n_levels * self.steps_per_level

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma in grid.sigmas:
            alpha = self.step_size * sigma**2
            for _ in range(self.steps_per_level):
                score = (denoise(x, sigma) - x) / sigma**2
                x = x.add(score, alpha=alpha / 2).add_(noise(sigma, sigma), alpha=math.sqrt(alpha))
            yield x
