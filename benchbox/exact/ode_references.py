"""The published formulas of heun and of Runge–Kutta tableaus, coded a second time, see `benchbox.exact.references`."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from benchbox.grid import Levels
from benchbox.noise import Noise

D = Callable[[Tensor, float], Tensor]
"""(x, σ) to D(x, σ)."""


def heun(sampler: Any, d: D, x: Tensor, levels: Levels, noise: Noise) -> Tensor:
    """Karras et al. 2022 (arXiv:2206.00364), algorithm 2, line by line; its last step, to t = 0, is `last_step`."""
    for t, t_next in pairwise(levels.sigmas):
        x, t_hat = churned(sampler, x, t, len(levels.sigmas), noise)
        slope = (x - d(x, t_hat)) / t_hat
        end = x + (t_next - t_hat) * slope
        slope_end = (end - d(end, t_next)) / t_next
        x = x + (t_next - t_hat) * (0.5 * slope + 0.5 * slope_end)
    return x


def churned(sampler: Any, x: Tensor, t: float, n: int, noise: Noise) -> tuple[Tensor, float]:
    """Lines 4 to 6 of algorithm 2, on one of n levels."""
    gamma = min(sampler.s_churn / n, math.sqrt(2) - 1) if sampler.s_min <= t <= sampler.s_max else 0
    t_hat = t + gamma * t
    return (x + math.sqrt(t_hat**2 - t**2) * (noise(0, 0) * sampler.s_noise) if gamma > 0 else x), t_hat


def last_step(sampler: Any, d: D, x: Tensor, levels: Levels, noise: Noise) -> Tensor:
    """Euler's step from the last level to 0, which is D; algorithm 2 of Karras et al. churns this level, too."""
    t = levels.sigmas[-1]
    if sampler.name == "heun":
        x, t = churned(sampler, x, t, len(levels.sigmas), noise)
    return x + (0 - t) * (x - d(x, t)) / t


TABLEAUS: dict[str, tuple[list[list[float]], list[float]]] = {
    "euler": ([[]], [1]),
    "midpoint": ([[], [1 / 2]], [0, 1]),
    "heun2": ([[], [1]], [1 / 2, 1 / 2]),
    "heun3": ([[], [1 / 3], [0, 2 / 3]], [1 / 4, 0, 3 / 4]),
    "rk4": ([[], [1 / 3], [-1 / 3, 1], [1, -1, 1]], [1 / 8, 3 / 8, 3 / 8, 1 / 8]),
    "rk4_classic": ([[], [1 / 2], [0, 1 / 2], [0, 0, 1]], [1 / 6, 1 / 3, 1 / 3, 1 / 6]),
}
"""Butcher tableaus: rows of coefficients (a node is its row's sum) and weights."""


def ode(sampler: Any, d: D, x: Tensor, levels: Levels, noise: Noise) -> Tensor:
    """The probability-flow ODE (Song et al. 2021, eq. 13) by a Runge–Kutta tableau, in σ or in the frame's t."""
    rows, weights = TABLEAUS[sampler.method]
    frame = None if sampler.frame == "sigma" else levels.in_frame(sampler.frame)
    times = levels.sigmas if frame is None else frame.times

    def scale(t: float) -> float:
        return 1.0 if frame is None else float(frame.schedule.scale(t))

    def velocity(t: float, y: Tensor) -> Tensor:
        if frame is None:
            return (y - d(y, t)) / t
        s, sigma = scale(t), float(frame.schedule.sigma(t))
        f, g2 = float(frame.schedule.dlog_scale(t)), 2 * s * s * sigma * float(frame.schedule.dsigma(t))
        return f * y - 0.5 * g2 * (d(y / s, sigma) - y / s) / (s * sigma**2)

    y: Tensor = x * scale(times[0])
    for t, t_next in pairwise(times):
        h, k = t_next - t, list[Tensor]()
        for row in rows:
            k.append(
                velocity(
                    t + h * sum(row), y + h * sum((a * b for a, b in zip(row, k, strict=True)), torch.zeros_like(y))
                )
            )
        y = y + h * sum((w * b for w, b in zip(weights, k, strict=True)), torch.zeros_like(y))
    return y / scale(times[-1])
