"""A sampler's error on chosen levels: its distance from the fine solution that starts from the same noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from benchbox.bench.cell import Cell
from benchbox.driver import mode, states
from benchbox.errors import UsageError
from benchbox.grid import Grid, Levels
from benchbox.guidance import guided_levels
from benchbox.noise import Noise
from benchbox.schedule import Schedule
from benchbox.tuning.fine import FineSolution

Squares = NDArray[np.float64]
"""The mean squared error over the coordinates of each sample."""


class Starts(Noise):
    """Hands out the same initial noise in every run, and refuses any further draw."""

    def __init__(self, z: Tensor, sampler: str) -> None:
        self.z, self.sampler, self.draws = z, sampler, 0

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        self.draws += 1
        if self.draws > 1:
            raise UsageError(
                f"sampler {self.sampler} adds noise, so there is no solution from the same noise to compare it with: "
                "levels are tuned for deterministic samplers."
            )
        return self.z


MOST_DIMENSIONS = 16
"""Of formulas' vectors whose errors are those of the best assignment: their samples fill the space well enough."""


class SameNoise:
    """Runs of a cell's sampler from the starts of a fine solution; evaluations are counted there.

    Of the vectors of a formula, each sample is compared with the solution's sample that the optimal assignment gives
    it, in place of its own: the error is then the W2 distance between the two sets, and a sample that ends in another
    mode, in exchange for one that ends in this, does not count.
    """

    def __init__(self, cell: Cell, solution: FineSolution) -> None:
        self.cell, self.solution = cell, solution
        is_formula = cell.model.denoiser(solution.z.device) is not None
        self.assigned = is_formula and len(cell.model.shape) == 1 and cell.model.shape[0] <= MOST_DIMENSIONS

    def samples(self, sigmas: Sequence[float], n: int | None = None) -> Tensor:
        """The first n samples on these levels, (n, *shape)."""
        sampler, made = self.cell.sampler, []
        levels = guided_levels(self.cell.guidance, levels_of(self.cell.schedule, sigmas))
        for denoise, z in self.solution.batches(levels, n):
            with mode(sampler):
                *_, x = states(sampler, denoise, levels, Starts(z, sampler.name), self.cell.final)
            made.append(x)
        return torch.cat(made)

    def squares(self, sigmas: Sequence[float], n: int | None = None) -> Squares:
        """The mean squared error of each of the first n samples; inf where it is not finite or the budget is exceeded.

        Levels may cost more than others under a guidance that acts on an interval.
        """
        before = self.solution.denoise.evaluations
        x = self.samples(sigmas, n)
        spent = (self.solution.denoise.evaluations - before) / len(x)
        ends = self.solution.ends[:n]
        if self.assigned and bool(torch.isfinite(x).all()):
            ends = ends[linear_sum_assignment(torch.cdist(x, ends).square().cpu().numpy())[1]]
        squares = (x - ends).double().flatten(1).square().mean(1).cpu().numpy()
        affordable = self.cell.nfe_requested is None or spent <= self.cell.nfe_requested
        return np.where(np.isfinite(squares) & affordable, squares, np.inf)

    def error(self, sigmas: Sequence[float], n: int | None = None) -> float:
        """The root mean square error over the first n samples and their coordinates."""
        return float(np.sqrt(self.squares(sigmas, n).mean()))


def levels_of(schedule: Schedule, sigmas: Sequence[float]) -> Levels:
    """Levels of a schedule from their σ."""
    return Levels(schedule, tuple(float(schedule.time(sigma)) for sigma in sigmas), tuple(map(float, sigmas)))


def sigmas_of(grid: Grid, cell: Cell) -> Sequence[float]:
    """The levels that a grid gives a cell."""
    return Levels.cut(cell.schedule, grid, cell.n_levels).sigmas
