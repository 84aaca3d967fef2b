"""The strong error of ODE samplers: the distance to the exact solution from the same start."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.exact.law import last
from benchbox.exact.order import Slope, climb
from benchbox.driver import trajectory
from benchbox.grid import Grid, Levels
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

SAMPLES = 64
"""Samples that a strong error is measured on."""


def solution(denoise: Denoiser, x: Tensor, sigma: float, sigma_last: float, tolerance: float) -> Tensor:
    """The probability-flow ODE from σ to σ_last in ln σ, where it reads dx/dlnσ = x − D, by dopri5 to a tight tolerance."""
    from torchdiffeq import odeint

    def slope(t: Tensor, y: Tensor) -> Tensor:
        return y - denoise(y, math.exp(float(t)))

    t = torch.tensor([math.log(sigma), math.log(sigma_last)], dtype=torch.float64, device=x.device)
    states: Tensor = odeint(slope, x, t, method="dopri5", rtol=tolerance, atol=tolerance * 0.1)
    return states[-1]


def tolerance_of(denoise: Denoiser) -> float:
    """Tight: 1e-9 for a float64 formula, 1e-5 for a network, whose rounding is larger."""
    formula = denoise.model.denoiser(denoise.device) is not None
    return 1e-9 if formula else 1e-5


def rms(difference: Tensor) -> float:
    """Root mean square over samples and coordinates."""
    return float(difference.double().square().mean().sqrt())


def strong_slope(sampler: Sampler, model: Model, schedule: Schedule, grid: Grid, seed: int = 0, last_rung: int = 512) -> Slope:
    """The pathwise error at the last level of 64 samples, over a ladder of intervals."""
    denoise = Denoiser(model, torch.device("cpu"), torch.float64)
    references: dict[tuple[float, float], Tensor] = {}

    def error(intervals: int) -> float:
        levels = Levels.cut(schedule, grid, intervals + 1)
        noise = Noise(seed, 0, SAMPLES, model.shape, dtype=torch.float64)
        states = trajectory(sampler, denoise, levels, noise, final="none")
        start = next(states)
        ends = levels.sigmas[0], levels.sigmas[-1]
        with torch.inference_mode():
            if ends not in references:
                references[ends] = solution(denoise, start, *ends, tolerance_of(denoise))
        return rms(last(states) - references[ends])

    return climb(error, sampler.order, floor=1e-8, last=last_rung)
