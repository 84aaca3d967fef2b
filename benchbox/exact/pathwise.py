"""The strong error of ODE samplers: the distance to the exact solution from the same start."""

from __future__ import annotations

import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.law import last
from benchbox.exact.order import SlopeFit, climb
from benchbox.grid import Grid, Levels
from benchbox.metrics.ode_solution import solution, tolerance_of
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

STRONG_ERROR_SAMPLES = 64
"""Samples that a strong error is measured on."""


def rms(difference: Tensor) -> float:
    """Root mean square over samples and coordinates."""
    return float(difference.double().square().mean().sqrt())


def strong_slope(
    sampler: Sampler, model: Model, schedule: Schedule, grid: Grid, seed: int = 0, last_rung: int = 512
) -> SlopeFit:
    """The pathwise error at the last level of 64 samples, over a ladder of intervals."""
    denoise = Denoiser(model, torch.device("cpu"), torch.float64)
    references: dict[tuple[float, float], Tensor] = {}

    def error(intervals: int) -> float:
        levels = Levels.cut(schedule, grid, intervals + 1)
        noise = Noise(seed, 0, STRONG_ERROR_SAMPLES, model.shape, dtype=torch.float64)
        states = trajectory(sampler, denoise, levels, noise, final="none")
        start = next(states)
        ends = levels.sigmas[0], levels.sigmas[-1]
        with torch.inference_mode():
            if ends not in references:
                references[ends] = solution(denoise, start, *ends, tolerance_of(denoise))
        return rms(last(states) - references[ends])

    return climb(error, sampler.order, floor=1e-8, last=last_rung)
