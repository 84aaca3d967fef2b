"""The probability-flow ODE solved on many levels, which tuned levels are compared with."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor

from benchbox.bench.cell import Cell
from benchbox.denoiser import Denoiser
from benchbox.grid import Levels
from benchbox.grids.levels import Karras
from benchbox.guidance import guided
from benchbox.noise import Noise
from benchbox.stopping import raise_if_stopped

INTERVALS = 60
"""Of the fine solution of a network, as in GITS (Chen et al. 2024, arXiv:2405.11326)."""

REFINED = 8
"""A formula is cheap: its fine solution has so many times more intervals."""

ADAMS = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
"""Adams–Bashforth weights of equal steps, newest first, by the number of points."""

EvaluationsTick = Callable[[int], None]
"""Is called with the evaluations of one sample since its last call."""


def fine_solution(
    denoise: Callable[[Tensor, float], Tensor], x: Tensor, sigmas: Sequence[float]
) -> Iterator[tuple[Tensor, Tensor]]:
    """The state x and D(x, σ) at each level, by iPNDM, one evaluation a level: the teacher of GITS.

    The last D is the sample: the levels reach down to where D(x, σ) hardly differs from x.
    """
    slopes: deque[Tensor] = deque(maxlen=len(ADAMS))
    for i, sigma in enumerate(sigmas):
        denoised = denoise(x, sigma)
        yield x, denoised
        if i + 1 < len(sigmas):
            slopes.appendleft((x - denoised) / sigma)
            for weight, slope in zip(ADAMS[len(slopes) - 1], slopes, strict=True):
                x = x.add(slope, alpha=weight * (sigmas[i + 1] - sigma))


class FineSolution:
    """The samples first … first+n−1 of a cell's seed, with the ODE solved on fine levels from each one's noise.

    `nodes`: the levels at which `trajectories` are kept, equidistant in σ^(1/7), from the first level of the schedule
    (or of the grid's own range) to the last. `denoise` counts every evaluation that is made from these starts.
    """

    def __init__(self, cell: Cell, first: int, n: int, tick: EvaluationsTick = lambda n: None) -> None:
        self.cell, self.n, self.tick = cell, n, tick
        device = torch.device(cell.device)
        self.denoise: Denoiser = copy.copy(cell.denoiser())
        self.denoise.reset()
        is_formula = cell.model.denoiser(device) is not None
        dtype = torch.float64 if is_formula or cell.dtype == "float64" else torch.float32
        noise = Noise(cell.seed, first, n, cell.model.shape, cell.noise_device, dtype, cell.noise_block, device)
        self.z = noise(0.0, 0.0)
        self.index = torch.arange(first, first + n, device=device)
        self.every = REFINED if is_formula else 1
        grid = Karras(sigma_min=cell.grid.sigma_min, sigma_max=cell.grid.sigma_max)
        self.levels = Levels.cut(cell.schedule, grid, INTERVALS * self.every + 1)
        self.nodes = self.levels.sigmas[:: self.every]

    @property
    def cost(self) -> int:
        """The evaluations of the solution, for all samples."""
        guidance = self.cell.guidance
        return self.n * sum(guidance.cost(sigma) if guidance else 1 for sigma in self.levels.sigmas)

    def batches(self, levels: Levels, n: int | None = None) -> Iterator[tuple[Denoiser, Tensor]]:
        """The denoiser, under the cell's guidance, and the unit starts of each batch of the first n samples."""
        for z, index in zip(*(t[:n].split(self.cell.batch_size) for t in (self.z, self.index)), strict=True):
            raise_if_stopped()
            before = self.denoise.evaluations
            self.denoise.at(index)
            yield guided(self.cell.guidance, self.denoise, levels), z
            self.tick(self.denoise.evaluations - before)

    @cached_property
    def trajectories(self) -> tuple[Tensor, Tensor]:
        """The states at the nodes and D of them, each (nodes, n, *shape): memory for 2 · 61 · n samples."""
        kept = []
        for denoise, z in self.batches(self.levels):
            with torch.inference_mode():
                pairs = fine_solution(denoise, z * self.levels.start_std, self.levels.sigmas)
                at_nodes = [pair for i, pair in enumerate(pairs) if i % self.every == 0]
            kept.append([torch.stack(tensors) for tensors in zip(*at_nodes, strict=True)])
        x, denoised = (torch.cat(tensors, dim=1) for tensors in zip(*kept, strict=True))
        return x, denoised

    @cached_property
    def ends(self) -> Tensor:
        """The samples of the solution, (n, *shape)."""
        return self.trajectories[1][-1]
