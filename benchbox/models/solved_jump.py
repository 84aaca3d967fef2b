"""The jump of a model that has a formula for its denoiser and none for the solution of the ODE."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchbox.model import Jump
from benchbox.sampler import rk4

if TYPE_CHECKING:
    from torch import Tensor

LEAST, LONGEST = 1e-4, 1 / 24
"""The level from which a solved jump takes D for the data, and its longest step in ln σ."""


def solved_jump(denoise: Callable[..., Tensor]) -> Jump:
    """The jump along dx/d ln σ = x − D(x, σ), solved by Kutta's method on fine steps; below `LEAST` it is D.

    For a formula: a jump counts as one evaluation, however many steps this takes.
    """

    def jump(x: Tensor, sigma: float, sigma_next: float, **conditions: Any) -> Tensor:
        end = max(sigma_next, LEAST)
        steps = math.ceil(max(math.log(sigma / end), 0) / LONGEST)
        logs = [math.log(sigma) + math.log(end / sigma) * i / steps for i in range(steps + 1)] if steps else []
        for u, v in pairwise(logs):
            x = rk4(lambda t, y: y - denoise(y, math.exp(t), **conditions), x, u, v)
        return x if sigma_next else denoise(x, min(sigma, end), **conditions)

    return jump
