"""Noise that depends on the seed and the sample's number alone, not on the batch."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np
import torch
from torch import Tensor

from benchbox.device import to_device

BLOCK = 16
"""Samples per block, by default."""

AHEAD = 2**16
"""Numbers of all blocks that are drawn at once on a CPU, at most, where more draws are expected."""

AHEAD_ON_GPU = 2**21
"""Numbers of one block that are drawn at once on a GPU, at most."""


class Noise:
    """Standard normal draws for the samples first … first+n−1; each block has a generator seeded by (seed, block).

    Every draw is made for whole blocks, in float32, in call order, on `device`, then cast to `dtype` and moved to `to`;
    so sample i sees the same noise in any batch. Each draw is a new tensor. After the first, several draws are made at
    once where they are small. On a CPU, up to `expected`: the same numbers, since its generator makes them one after
    the other. On a GPU, `AHEAD_ON_GPU` numbers of a block, whatever is expected, so that noise takes less than one
    kernel per draw, and the numbers of a draw depend on the seed, the block and the shape alone.
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
        self.at_once = draws_at_once(torch.device(device).type, size, len(blocks), expected)

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
        draws = to_device(z, self.to).transpose(0, 1).flatten(1, 2)[:, self.rows].to(self.dtype)
        return list(draws.unbind())[::-1]


def draws_at_once(kind: str, size: int, blocks: int, expected: int) -> int:
    """How many draws of a block, each of `size` numbers, one call of its generator makes; kind: of its device."""
    if not size * blocks:
        return 1
    if kind == "cuda":
        return max(1, AHEAD_ON_GPU // size)
    # torch's CPU fills 16 numbers at a time: draws that end within 16 are not parts of one long draw
    joins = kind == "cpu" and size % 16 == 0
    return max(1, min(expected, AHEAD // (size * blocks))) if joins else 1


@lru_cache(maxsize=2**16)
def _block_seed(seed: int, block: int) -> int:
    """The cells of a sweep have their blocks in common: each seed is worked out once in a process."""
    return int(np.random.SeedSequence([seed, block]).generate_state(1, np.uint64)[0])
