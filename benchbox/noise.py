"""Noise that depends on the seed and the sample's number alone, not on the batch."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np
import torch
from torch import Tensor

BLOCK = 16
"""Samples per block, by default."""

AHEAD = 2**16
"""Numbers of all blocks that are drawn at once, at most, where more draws are expected."""


class Noise:
    """Standard normal draws for the samples first … first+n−1; each block has a generator seeded by (seed, block).

    Every draw is made for whole blocks, in float32, in call order, on `device`, then cast to `dtype` and moved to `to`;
    so sample i sees the same noise in any batch. Each draw is a new tensor. After the first, `expected` draws are made
    at once where they are small: the same numbers, since a generator of the CPU makes them one after the other.
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
        expected: int = 1,
    ) -> None:
        self.shape, self.device, self.dtype, self.block, self.to = shape, device, dtype, block, to or device
        blocks = range(first // block, -(-(first + n) // block))
        self.generators = [torch.Generator(device).manual_seed(_block_seed(seed, b)) for b in blocks]
        self.rows = slice(first % block, first % block + n)
        self.draws, self.ready = 0, list[Tensor]()
        size = block * prod(shape)
        # torch's CPU fills 16 numbers at a time: draws that end within 16 are not parts of one long draw
        joins = torch.device(device).type == "cpu" and size > 0 and size % 16 == 0
        self.at_once = max(1, min(expected, AHEAD // (size * len(blocks)))) if joins and blocks else 1

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        """A fresh N(0, I), (n, *shape). The arguments name the interval, for tracing; they do not change the draw."""
        self.draws += 1
        if not self.ready:
            self.ready = self.several(self.at_once if self.draws > 1 else 1)
        return self.ready.pop()

    def several(self, k: int) -> list[Tensor]:
        """The next k draws, the last one first."""
        z = torch.empty((len(self.generators), k, self.block, *self.shape), device=self.device)
        for block, generator in zip(z, self.generators, strict=True):
            block.normal_(generator=generator)
        draws = z.transpose(0, 1).flatten(1, 2)[:, self.rows].to(self.to, self.dtype)
        return list(draws.unbind())[::-1]


@lru_cache(maxsize=2**16)
def _block_seed(seed: int, block: int) -> int:
    """The cells of a sweep have their blocks in common: each seed is worked out once in a process."""
    return int(np.random.SeedSequence([seed, block]).generate_state(1, np.uint64)[0])
