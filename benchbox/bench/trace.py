"""The denoised states along a run: every D(x, σ) that the sampler evaluates."""

from __future__ import annotations

import torch
from torch import Tensor

from benchbox.bench.cell import DTYPES, Cell
from benchbox.bench.run import Run
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory


class RecordingDenoiser(Denoiser):
    """A denoiser that records its calls, (σ, D(x, σ)), in order."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.model, torch.device(cell.device), DTYPES[cell.dtype])
        self.calls: list[tuple[float, Tensor]] = []

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        denoised = super().__call__(x, sigma)
        self.calls.append((sigma, denoised))
        return denoised


def trace(cell: Cell) -> list[tuple[float, Tensor]]:
    """The levels and denoised states of a cell's samples, (n_samples, *shape), decoded, in one batch.

    The noise and the evaluations are the same as in the cell's run.
    """
    run, recorder = Run(cell), RecordingDenoiser(cell)
    recorder.at(torch.arange(cell.n_samples, device=run.device))
    for _ in trajectory(cell.sampler, recorder, run.levels, run.noise(0, cell.n_samples), cell.final):
        pass
    with torch.no_grad() if cell.sampler.needs_grad else torch.inference_mode():
        return [(sigma, cell.model.decode(x)) for sigma, x in recorder.calls]
