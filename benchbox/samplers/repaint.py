"""RePaint."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.sampler import Sampler, ancestral_step, euler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.model import Model
    from benchbox.noise import Noise
    from benchbox.problem import Problem


@dataclass(frozen=True)
class RePaint(Sampler):
    """RePaint (Lugmayr et al. 2022, arXiv:2201.09865, algorithm 1), for inpainting.

    Every `jump_length` intervals are gone through `repeats` times: ancestral steps, whose known pixels are replaced by
    y with noise up to σ' (none where σ_y is above it already), and back up with fresh noise. The paper has jumps of 10
    of its 250 steps, 10 times; few levels need shorter ones. Once is conditioning by projection (Song et al. 2021,
    arXiv:2011.13456).
    """

    name = "repaint"
    uses_measurement = True
    repeats: int = 10
    jump_length: int = 1

    def __post_init__(self) -> None:
        if self.repeats < 1 or self.jump_length < 1:
            raise ValueError("repeats and jump_length must be at least 1.")

    @property
    def evals_per_step(self) -> int:
        return self.repeats

    def check_problem(self, problem: Problem, model: Model) -> None:
        import torch

        x = torch.randn(1, *model.shape, generator=torch.Generator().manual_seed(0))
        known = problem.adjoint(problem.forward(x)).reshape(x.shape) if problem.linear else -x
        if not bool(((known == x) | (known == 0)).all()):
            raise UsageError(f"sampler repaint solves only inpainting, not problem {problem.name}.")

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        import torch

        y = denoise.measurement
        assert y is not None
        mask, known = y.adjoint(y.forward(torch.ones_like(x))), y.adjoint(y.y.to(x))
        intervals = list(pairwise(grid.sigmas))
        for first in range(0, len(intervals), self.jump_length):
            block = intervals[first : first + self.jump_length]
            top, bottom = block[0][0], block[-1][1]
            for repeat in range(self.repeats):
                if repeat:
                    x = x.add(noise(bottom, top), alpha=math.sqrt(top**2 - bottom**2))
                for sigma, sigma_next in block:
                    sigma_down, sigma_up = ancestral_step(sigma, sigma_next)
                    missing = math.sqrt(max(sigma_next**2 - y.sigma_y**2, 0.0))
                    x = euler(denoise(x, sigma), x, sigma, sigma_down).add_(noise(sigma, sigma_next), alpha=sigma_up)
                    x = x.lerp(known.add(noise(sigma, sigma_next), alpha=missing), mask)
                    if repeat == self.repeats - 1:
                        yield x
