"""Running moments, and distances between Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbox.metrics.blocks import block_of
from benchbox.metrics.frechet import Matrix, frechet_distance

PENDING = 64
"""Vectors that a block gathers before it takes them in."""


class Moments:
    """Count, sum and outer products of vectors, in float64: a running mean and covariance that merge exactly.

    Vectors are taken relative to the first one seen, so that a large common offset costs no digits.
    """

    def __init__(self, dim: int) -> None:
        self.n = 0
        self.origin = np.zeros(dim)
        self.total = np.zeros(dim)
        self.outer = np.zeros((dim, dim))

    def place(self, vectors: NDArray[Any]) -> None:
        """Take vectors relative to the first of these, unless there is an origin already."""
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
        """Take in what the other has seen."""
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
        """Divided by n − 1."""
        return (self.outer - np.outer(self.total, self.total) / self.n) / (self.n - 1)

    def state(self) -> dict[str, NDArray[Any]]:
        return {"n": np.array(self.n), "origin": self.origin, "total": self.total, "outer": self.outer}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.n = int(state["n"])
        self.origin, self.total, self.outer = (np.array(state[k]) for k in ("origin", "total", "outer"))


class BlockMoments:
    """Moments of each of `blocks` disjoint blocks of samples (`block_of`), whatever the batches they come in.

    All are taken relative to one vector, so that unions of blocks cost only sums.

    Memory: `blocks` covariances, and up to `PENDING` vectors for each, as an outer product of few vectors costs as
    much as one of many.
    """

    def __init__(self, dim: int, blocks: int) -> None:
        self.parts = [Moments(dim) for _ in range(blocks)]
        self.pending: list[list[NDArray[Any]]] = [[] for _ in range(blocks)]

    def update(self, vectors: NDArray[Any], index: NDArray[Any]) -> None:
        """vectors: (n, dim); index: (n,), the samples' global numbers."""
        block = block_of(index, len(self.parts))
        for part in self.parts:
            part.place(vectors)
        for b in np.unique(block):
            self.pending[b].append(vectors[block == b])
            if sum(map(len, self.pending[b])) >= PENDING:
                self._take(b)

    def _take(self, block: int) -> None:
        if self.pending[block]:
            self.parts[block].update(np.concatenate(self.pending[block]))
            self.pending[block].clear()

    @property
    def moments(self) -> list[Moments]:
        """Those of each block."""
        for block in range(len(self.parts)):
            self._take(block)
        return self.parts

    @property
    def total(self) -> Moments:
        """Those of all samples."""
        return merged_moments(self.moments)

    def merge(self, other: BlockMoments) -> None:
        """Take in what the other has seen."""
        for ours, theirs in zip(self.moments, other.moments, strict=True):
            ours.merge(theirs)

    def state(self) -> dict[str, NDArray[Any]]:
        """Stacked over the blocks; of each symmetric outer product, the lower triangle."""
        states = [part.state() for part in self.moments]
        stacked = {key: np.stack([state[key] for state in states]) for key in states[0]}
        rows, columns = np.tril_indices(stacked["outer"].shape[-1])
        return stacked | {"outer": stacked["outer"][:, rows, columns]}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        rows, columns = np.tril_indices(state["total"].shape[-1])
        outer = np.zeros((state["total"].shape[-1],) * 2)
        for block, part in enumerate(self.parts):
            outer[rows, columns] = outer[columns, rows] = state["outer"][block]
            part.load({key: state[key][block] for key in ("n", "origin", "total")} | {"outer": outer})
        self.pending = [[] for _ in self.parts]


def merged_moments(parts: Sequence[Moments]) -> Moments:
    """The moments of all that these have seen; they stay as they are."""
    whole = Moments(len(parts[0].total))
    for part in parts:
        whole.merge(part)
    return whole


def gaussian_w2(mean: Matrix, covariance: Matrix, mean_ref: Matrix, root_ref: Matrix) -> float:
    """W2 between N(mean, covariance) and N(mean_ref, root_ref²), root_ref symmetric."""
    return float(np.sqrt(max(frechet_distance(mean, covariance, mean_ref, root_ref @ root_ref), 0.0)))
