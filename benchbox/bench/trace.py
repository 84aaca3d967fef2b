"""What a sampler sees along its run: every D(x, σ) that it asked for."""

from __future__ import annotations

import torch
from torch import Tensor

from benchbox.bench.cell import DTYPES, Cell
from benchbox.bench.run import Run
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory


class RecordingDenoiser(Denoiser):
    """A denoiser that keeps its answers: (σ, D(x, σ)), in the order in which they were asked for."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.model, torch.device(cell.device), DTYPES[cell.dtype])
        self.calls: list[tuple[float, Tensor]] = []

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        denoised = super().__call__(x, sigma)
        self.calls.append((sigma, denoised))
        return denoised


def trace(cell: Cell) -> list[tuple[float, Tensor]]:
    """The denoised states of a cell's samples in one batch, (n_samples, *shape) each, decoded, with their levels.

    The run is that of the cell: the same noise, and not one evaluation more.
    """
    run, recorder = Run(cell), RecordingDenoiser(cell)
    recorder.at(torch.arange(cell.n_samples, device=run.device))
    for _ in trajectory(cell.sampler, recorder, run.levels, run.noise(0, cell.n_samples), cell.final):
        pass
    with torch.no_grad() if cell.sampler.needs_grad else torch.inference_mode():
        return [(sigma, cell.model.decode(x)) for sigma, x in recorder.calls]
