"""A solver of inverse problems as an ordinary sampler: each sample has the same measurement, half of Gaussian data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from benchbox.bench.truths import measure
from benchbox.measurement import Measurements, pose
from benchbox.model import Model
from benchbox.registry import get
from benchbox.sampler import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


def half_measured(model: Model, sigma_y: float, m: int = 1) -> Measurements:
    """Measurements of the left half of samples of a model."""
    problem = pose(get("problem", "inpaint", half="right", sigma_y=sigma_y), model)
    return measure(problem, model, m, 0, "cpu", torch.float64)


@dataclass(frozen=True)
class Posed(Sampler):
    """Runs a solver for the measurement number 0 of the model's data, with noise σ_y."""

    solver: Sampler
    sigma_y: float
    name = "posed"

    @property
    def evals_per_step(self) -> int | None:
        return self.solver.evals_per_step

    def evals(self, n_levels: int) -> int:
        return self.solver.evals(n_levels)

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        denoise.pose(half_measured(denoise.model, self.sigma_y))
        denoise.at(torch.zeros(len(x), dtype=torch.long))
        yield from self.solver(denoise, x, grid, noise)
