"""The exact solution of the probability-flow ODE from the noise of given samples."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from benchbox.metric import Context

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from benchbox.denoiser import Denoiser

_SOLUTIONS: OrderedDict[Hashable, Tensor] = OrderedDict()

MOST_SOLUTIONS = 8
"""Batches of exact solutions that are kept for the next cells of a sweep, which often start from the same noise."""


def kept_solution(key: Hashable, solve: Callable[[], Tensor]) -> Tensor:
    """The solution of this key: solved, or kept from an earlier cell."""
    if key not in _SOLUTIONS:
        _SOLUTIONS[key] = solve()
        while len(_SOLUTIONS) > MOST_SOLUTIONS:
            _SOLUTIONS.popitem(last=False)
    return _SOLUTIONS[key]


def starts(context: Context, index: Tensor) -> Tensor:
    """The initial noise of the samples with these numbers, in any order."""
    import torch

    from benchbox.noise import Noise

    noise_on: torch.device = context.noise_device or context.device
    dtype = torch.float32 if context.model.denoiser(context.device) is None else torch.float64
    last = int(index.max()) + 1
    noise = Noise(context.seed, 0, last, context.model.shape, noise_on, dtype, context.noise_block, context.device)
    return noise(0.0, 0.0)[index]


def solution(denoise: Denoiser, x: Tensor, sigma: float, sigma_last: float, tolerance: float) -> Tensor:
    """The probability-flow ODE dx/dlnσ = x − D from σ to σ_last, by dopri5."""
    import torch
    from torchdiffeq import odeint

    def slope(t: Tensor, y: Tensor) -> Tensor:
        return y - denoise(y, math.exp(float(t)))

    t = torch.tensor([math.log(sigma), math.log(sigma_last)], dtype=torch.float64, device=x.device)
    states: Tensor = odeint(slope, x, t, method="dopri5", rtol=tolerance, atol=tolerance * 0.1)
    return states[-1]


def tolerance_of(denoise: Denoiser) -> float:
    """1e-9 for an analytic model in float64; 1e-5 for a network, because of its rounding errors."""
    analytic = denoise.model.denoiser(denoise.device) is not None
    return 1e-9 if analytic else 1e-5
