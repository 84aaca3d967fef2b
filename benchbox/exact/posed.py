"""A solver of inverse problems as an ordinary sampler of Gaussian data: each sample has the same measurement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from benchbox.bench.truths import measure
from benchbox.errors import UsageError
from benchbox.measurement import Measurements, pose
from benchbox.model import Model
from benchbox.problem import Problem
from benchbox.registry import get
from benchbox.sampler import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.exact.rules import Trial
    from benchbox.grid import Levels
    from benchbox.noise import Noise


def half(sigma_y: float) -> Problem:
    """The right half of an image is missing."""
    problem: Problem = get("problem", "inpaint", half="right", sigma_y=sigma_y)
    return problem


def mixing(sigma_y: float) -> Problem:
    """Four mixtures of all numbers, with four singular values."""
    problem: Problem = get("problem", "random-linear", rows=4, sigma_y=sigma_y)
    return problem


def accepted(solver: Sampler, model: Model, sigma_y: float) -> Iterator[Problem]:
    """Those of the two, posed for a model, that a solver does not refuse."""
    for problem in (half(sigma_y), mixing(sigma_y)):
        posed = pose(problem, model)
        try:
            solver.check_problem(posed, model)
        except UsageError:
            continue
        yield posed


@dataclass(frozen=True)
class Posed(Sampler):
    """Runs a solver for the measurement number 0 of the model's data."""

    solver: Sampler
    problem: Problem
    name = "posed"

    @property
    def evals_per_step(self) -> int | None:
        return self.solver.evals_per_step

    def evals(self, n_levels: int) -> int:
        return self.solver.evals(n_levels)

    def measurements(self, model: Model) -> Measurements:
        return measure(pose(self.problem, model), model, 1, 0, "cpu", torch.float64)

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        denoise.pose(self.measurements(denoise.model))
        denoise.at(torch.zeros(len(x), dtype=torch.long))
        yield from self.solver(denoise, x, grid, noise)


def solver_of(trial: Trial) -> Sampler:
    """The solver that a trial runs."""
    assert isinstance(trial.sampler, Posed)
    return trial.sampler.solver
