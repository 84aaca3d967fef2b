"""Disjoint blocks of samples: their moments, and standard errors from the values of a statistic on each."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbox.metrics.frechet import Moments, merged_moments


def block_of(index: NDArray[Any], blocks: int) -> NDArray[np.int64]:
    """The block of each global sample number: runs of 16 samples are assigned to the blocks in turn.

    The samples of a run share a noise generator and the error norm of an adaptive sampler, so a run is never split.
    Single samples are not assigned in turn because a class-conditional model cycles through its classes.
    """
    from benchbox.noise import BLOCK

    return (np.asarray(index, dtype=np.int64) // BLOCK) % blocks


def block_error(values: Sequence[float], sizes: Sequence[int]) -> float | None:
    """Standard error of a statistic of all samples, from its values on disjoint blocks of the samples.

    The subsampling estimate (Politis, Romano & Wolf 1999, §2): the standard deviation is proportional to 1/√size for an
    asymptotically normal statistic, and for a distance between equal laws, which tends to 0 as 1/√n. Only blocks of
    equal size are compared because the bias depends on the size. None where no two blocks have the same size.
    """
    groups = defaultdict(list)
    for value, size in zip(values, sizes, strict=True):
        groups[size].append(value)
    squares = sum(size * np.square(np.subtract(group, np.mean(group))).sum() for size, group in groups.items())
    freedom = len(values) - len(groups)
    return math.sqrt(squares / freedom / sum(sizes)) if freedom > 0 else None


PENDING = 64
"""Vectors that a block buffers before it updates its moments."""


class BlockMoments:
    """Moments of disjoint blocks of samples (`block_of`), independent of the batches.

    All blocks have one origin, so that the moments of a union are sums. Memory: `blocks` covariances, and up to
    `PENDING` buffered vectors for each, since an outer product of few vectors costs as much as one of many.
    """

    def __init__(self, dim: int, blocks: int) -> None:
        self.blocks = [Moments(dim) for _ in range(blocks)]
        self.pending: list[list[NDArray[Any]]] = [[] for _ in range(blocks)]

    def add(self, vectors: NDArray[Any], index: NDArray[Any]) -> None:
        """vectors: (n, dim); index: (n,), the samples' global numbers."""
        block = block_of(index, len(self.blocks))
        for moments in self.blocks:
            moments.place(vectors)
        for b in np.unique(block):
            self.pending[b].append(vectors[block == b])
            if sum(map(len, self.pending[b])) >= PENDING:
                self._flush(b)

    def _flush(self, block: int) -> None:
        if self.pending[block]:
            self.blocks[block].update(np.concatenate(self.pending[block]))
            self.pending[block].clear()

    @property
    def moments(self) -> list[Moments]:
        for block in range(len(self.blocks)):
            self._flush(block)
        return self.blocks

    @property
    def total(self) -> Moments:
        return merged_moments(self.moments)

    def merge(self, other: BlockMoments) -> None:
        for ours, theirs in zip(self.moments, other.moments, strict=True):
            ours.merge(theirs)

    def state(self) -> dict[str, NDArray[Any]]:
        """The states of the blocks, stacked; of each symmetric outer product, the lower triangle."""
        states = [moments.state() for moments in self.moments]
        stacked = {key: np.stack([state[key] for state in states]) for key in states[0]}
        rows, columns = np.tril_indices(stacked["outer"].shape[-1])
        return stacked | {"outer": stacked["outer"][:, rows, columns]}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        rows, columns = np.tril_indices(state["total"].shape[-1])
        outer = np.zeros((state["total"].shape[-1],) * 2)
        for block, moments in enumerate(self.blocks):
            outer[rows, columns] = outer[columns, rows] = state["outer"][block]
            moments.load({key: state[key][block] for key in ("n", "origin", "total")} | {"outer": outer})
        self.pending = [[] for _ in self.blocks]
