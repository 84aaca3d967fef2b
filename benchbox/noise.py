"""Noise that depends on the seed and the sample's number alone, not on the batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BLOCK = 16
"""Samples per block, by default."""


class Noise:
    """Standard normal draws for the samples first … first+n−1; each block has a generator seeded by (seed, block).

    Every draw is made for whole blocks, in float32, in call order, on `device`, then cast to `dtype` and moved to `to`;
    so sample i sees the same noise in any batch. Each draw is a new tensor.
    """

    def __init__(
        self,
        seed: int,
        first: int,
        n: int,
        shape: tuple[int, ...],
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        block: int = BLOCK,
        to: torch.device | str | None = None,
    ) -> None:
        self.shape, self.device, self.dtype, self.block, self.to = shape, device, dtype, block, to or device
        blocks = range(first // block, -(-(first + n) // block))
        self.generators = [_generator(seed, b, device) for b in blocks]
        self.rows = slice(first % block, first % block + n)
        self.draws = 0

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        """A fresh N(0, I), (n, *shape). The arguments name the interval, for tracing; they do not change the draw."""
        self.draws += 1
        z = torch.empty((len(self.generators), self.block, *self.shape), device=self.device)
        for part, generator in zip(z, self.generators, strict=True):
            part.normal_(generator=generator)
        return z.flatten(0, 1)[self.rows].to(self.to, self.dtype)


def _generator(seed: int, block: int, device: torch.device | str) -> torch.Generator:
    state = np.random.SeedSequence([seed, block]).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(state[0]))
