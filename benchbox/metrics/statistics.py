"""Running mean and covariance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbox.metrics.blocks import block_of
from benchbox.metrics.frechet import Matrix, frechet_distance

PENDING = 64
"""Vectors that a block buffers before it updates its moments."""


class Moments:
    """Count, sum and outer products of vectors in float64: a running mean and covariance with an exact merge.

    The first vector is subtracted from all, so that a large common offset costs no precision.
    """

    def __init__(self, dim: int) -> None:
        self.n = 0
        self.origin = np.zeros(dim)
        self.total = np.zeros(dim)
        self.outer = np.zeros((dim, dim))

    def place(self, vectors: NDArray[Any]) -> None:
        """Make the first of these vectors the origin, unless there is one already."""
        if not self.n and not self.origin.any() and len(vectors):
            self.origin = np.array(vectors[0], dtype=np.float64)

    def update(self, vectors: NDArray[Any]) -> None:
        """vectors: (n, dim)."""
        self.place(vectors)
        centred = np.asarray(vectors, dtype=np.float64) - self.origin
        self.n += len(centred)
        self.total += centred.sum(0)
        self.outer += centred.T @ centred

    def merge(self, other: Moments) -> None:
        """Add the vectors of `other`."""
        if not self.n:
            self.origin = other.origin.copy()
        shift = other.origin - self.origin
        self.outer += other.outer
        if shift.any():
            cross = np.outer(other.total, shift)
            self.outer += cross + cross.T + other.n * np.outer(shift, shift)
        self.total += other.total + other.n * shift
        self.n += other.n

    @property
    def mean(self) -> Matrix:
        return self.origin + self.total / self.n

    @property
    def covariance(self) -> Matrix:
        """Unbiased, with divisor n − 1."""
        return (self.outer - np.outer(self.total, self.total) / self.n) / (self.n - 1)

    def state(self) -> dict[str, NDArray[Any]]:
        return {"n": np.array(self.n), "origin": self.origin, "total": self.total, "outer": self.outer}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.n = int(state["n"])
        self.origin, self.total, self.outer = (np.array(state[k]) for k in ("origin", "total", "outer"))


class BlockMoments:
    """Moments of disjoint blocks of samples (`block_of`), independent of the batches.

    All blocks have one origin, so that the moments of a union are sums. Memory: `blocks` covariances, and up to
    `PENDING` buffered vectors for each, since an outer product of few vectors costs as much as one of many.
    """

    def __init__(self, dim: int, blocks: int) -> None:
        self.blocks = [Moments(dim) for _ in range(blocks)]
        self.pending: list[list[NDArray[Any]]] = [[] for _ in range(blocks)]

    def update(self, vectors: NDArray[Any], index: NDArray[Any]) -> None:
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
        """The moments of each block."""
        for block in range(len(self.blocks)):
            self._flush(block)
        return self.blocks

    @property
    def total(self) -> Moments:
        """The moments of all samples."""
        return merged_moments(self.moments)

    def merge(self, other: BlockMoments) -> None:
        """Add the vectors of `other`."""
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


def merged_moments(parts: Sequence[Moments]) -> Moments:
    """The moments of the union of disjoint parts, which are not changed."""
    union = Moments(len(parts[0].total))
    for part in parts:
        union.merge(part)
    return union


def gaussian_w2(mean: Matrix, covariance: Matrix, mean_ref: Matrix, root_ref: Matrix) -> float:
    """W2 between N(mean, covariance) and N(mean_ref, root_ref²), root_ref symmetric."""
    return float(np.sqrt(max(frechet_distance(mean, covariance, mean_ref, root_ref @ root_ref), 0.0)))
