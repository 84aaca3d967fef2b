"""The levels at which a sampler asks the denoiser, found without a network."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.grid import Levels
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.sampler import Sampler

PROBE_SIDE = 4
"""Of the samples on which the levels that a sampler asks for are found."""


class Recorder:
    """Stands for a denoiser, D = x/(1 + σ²), and writes down the levels that it is asked at."""

    def __init__(self, model: Model) -> None:
        self.model, self.device, self.sigmas = model, torch.device("cpu"), list[float]()

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.sigmas.append(sigma)
        return x / (1 + sigma**2)

    def jump(self, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        self.sigmas.append(sigma)
        return x * ((1 + sigma_next**2) / (1 + sigma**2)) ** 0.5

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        return self(x, sigma), torch.full_like(x, 0.5)

    def vjp(self, x: Tensor, sigma: float, v: Tensor) -> tuple[Tensor, Tensor]:
        return self(x, sigma), v / (1 + sigma**2)


@lru_cache(maxsize=1024)
def visited(sampler: Sampler, model: Model, levels: Levels, final: str) -> tuple[float, ...]:
    """The σ at which the sampler asks the denoiser on these levels; none where it cannot be walked so."""
    recorder = Recorder(model)
    shape = tuple(min(side, PROBE_SIDE) for side in model.shape)
    try:
        for _ in trajectory(sampler, cast(Denoiser, recorder), levels, Noise(0, 0, 1, shape, block=1), final):
            pass
    except Exception:  # its own run says what is wrong with it
        return ()
    return tuple(recorder.sigmas)
