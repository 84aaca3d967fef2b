"""What a sampler sees along its run: every D(x, σ) that it asked for."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from benchbox.bench.cell import Cell
from benchbox.bench.run import Run
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.guided import guided


class Recording:
    """A denoiser that keeps its answers: (σ, D(x, σ)), in the order in which they were asked for."""

    def __init__(self, denoise: Denoiser) -> None:
        self.denoise, self.answers = denoise, list[tuple[float, Tensor]]()

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        denoised = self.denoise(x, sigma)
        self.answers.append((sigma, denoised))
        return denoised

    def vjp(self, x: Tensor, sigma: float, v: Tensor) -> tuple[Tensor, Tensor]:
        denoised, gradient = self.denoise.vjp(x, sigma, v)
        self.answers.append((sigma, denoised))
        return denoised, gradient

    def __getattr__(self, name: str) -> Any:
        return getattr(self.denoise, name)


def trace(cell: Cell) -> list[tuple[float, Tensor]]:
    """The denoised states of a cell's samples in one batch, (n_samples, *shape) each, decoded, with their levels.

    The run is that of the cell: the same noise, and not one evaluation more.
    """
    run = Run(cell)
    run.denoise.at(torch.arange(cell.n_samples, device=run.device))
    recorder = Recording(guided(cell.guidance, run.denoise, run.levels))
    for _ in trajectory(cell.sampler, cast(Denoiser, recorder), run.levels, run.noise(0, cell.n_samples), cell.final):
        pass
    with torch.no_grad() if cell.sampler.needs_grad else torch.inference_mode():
        return [(sigma, cell.model.decode(x)) for sigma, x in recorder.answers]
