"""A nonlinear denoiser in closed form, and runs of a sampler on levels and draws that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

import benchbox
from benchbox import Levels

BATCH, DIM, SPREAD = 16, 8, 0.3


def denoise(x: Tensor, sigma: float) -> Tensor:
    """E[x_0 | x] where each coordinate of x_0 is ±1 plus N(0, SPREAD²)."""
    v = SPREAD**2 + sigma**2
    return (SPREAD**2 * x + sigma**2 * torch.tanh(x / v)) / v


class Draws:
    """N(0, I) draws in order, the same for every instance; `given` counts them."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        self.generator, self.dtype, self.given = torch.Generator().manual_seed(7), dtype, 0

    def __call__(self, *_: Any, **__: Any) -> Tensor:
        self.given += 1
        return torch.randn(BATCH, DIM, generator=self.generator).to(self.dtype)


def levels(sigmas: Sequence[float], schedule: str = "edm") -> Levels:
    chosen = benchbox.get("schedule", schedule)
    return Levels(chosen, tuple(float(chosen.time(s)) for s in sigmas), tuple(sigmas))


def states(
    name: str,
    sigmas: Sequence[float],
    options: dict[str, Any] | None = None,
    schedule: str = "edm",
    d: Callable[[Tensor, float], Tensor] = denoise,
    dtype: torch.dtype = torch.float32,
) -> list[Tensor]:
    """The states of a run at every level, the start σ_1 z included."""
    noise = Draws(dtype)
    x = noise() * sigmas[0]
    sampler = benchbox.get("sampler", name, **(options or {}))
    return [x, *sampler(d, x, levels(sigmas, schedule), noise)]


def gap(a: Tensor, b: Tensor) -> float:
    """The largest difference over the largest value."""
    return float((a - b).abs().max() / b.abs().max())
