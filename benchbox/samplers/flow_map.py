"""Samplers of flow maps, which jump to any lower level."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


class JumpAndNoise(Sampler):
    """A jump below the next level, to σ_down ≤ σ', then noise up to it: x ← G(x, σ, σ_down) + √(σ'² − σ_down²) z."""

    grid = "karras-open"
    uses_jumps = "flow-map"

    @abstractmethod
    def downs(self, grid: Levels) -> list[float]:
        """σ_down of each interval."""

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for (sigma, sigma_next), sigma_down in zip(pairwise(grid.sigmas), self.downs(grid), strict=True):
            x = denoise.jump(x, sigma, sigma_down)
            if sigma_down < sigma_next:
                sigma_up = math.sqrt((sigma_next - sigma_down) * (sigma_next + sigma_down))
                x = x.add(noise(sigma, sigma_next), alpha=sigma_up)
            yield x


@dataclass(frozen=True)
class FlowMap(JumpAndNoise):
    """Jumps from level to level, for models that jump to any level; γ-sampling of consistency trajectory models.

    σ_down = √(1 − γ²) σ', then noise γ σ' z (Kim et al. 2023, arXiv:2310.02279, algorithm 3). gamma = 0 draws nothing;
    gamma = 1 is multistep consistency sampling.
    """

    name = "flow-map"
    gamma: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.gamma <= 1:
            raise ValueError("gamma must be from 0 to 1.")

    def downs(self, grid: Levels) -> list[float]:
        return [math.sqrt(1 - self.gamma**2) * sigma for sigma in grid.sigmas[1:]]


@dataclass(frozen=True)
class TCD(JumpAndNoise):
    """Strategic stochastic sampling of trajectory consistency distillation (Zheng et al. 2024, arXiv:2402.19159, §4.3).

    σ_down is the level of the time (1 − γ) t' of the frame (None: the run's schedule), then noise up to σ'. gamma: the
    paper's γ, called eta in diffusers' TCDScheduler; 0 draws nothing, 1 is multistep consistency sampling.
    """

    name = "tcd"
    gamma: float = 0.3
    frame: Schedule | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.gamma <= 1:
            raise ValueError("gamma must be from 0 to 1.")

    def downs(self, grid: Levels) -> list[float]:
        times = grid.in_frame(self.frame).times[1:]
        schedule = self.frame or grid.schedule
        return [min(self.level(schedule, (1 - self.gamma) * t), s) for t, s in zip(times, grid.sigmas[1:], strict=True)]

    def level(self, schedule: Schedule, t: float) -> float:
        """σ at a time; 0 before the schedule's first."""
        return float(schedule.sigma(t)) if t >= schedule.t_min else 0.0
