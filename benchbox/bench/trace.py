"""The denoised states along a run: every D(x, σ) that the sampler evaluates."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from benchbox.bench.cell import Cell
from benchbox.bench.recording import RecordingDenoiser
from benchbox.bench.run import Run
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.guidance import guided


def trace(cell: Cell) -> list[tuple[float, Tensor]]:
    """The levels and denoised states of a cell's samples, (n_samples, *shape), decoded, in one batch.

    The noise and the evaluations are the same as in the cell's run.
    """
    run = Run(cell)
    run.denoise.at(torch.arange(cell.n_samples, device=run.device))
    recorder = RecordingDenoiser(guided(cell.guidance, run.denoise, run.levels))
    for _ in trajectory(cell.sampler, cast(Denoiser, recorder), run.levels, run.noise(0, cell.n_samples), cell.final):
        pass
    with torch.no_grad() if cell.sampler.needs_grad else torch.inference_mode():
        return [(sigma, cell.model.decode(x)) for sigma, x in recorder.calls]
