"""Running moments, and distances between Gaussians."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Moments:
    """Count, sum and outer products of vectors, in float64: a running mean and covariance that merge exactly.

    Vectors are taken relative to the first one seen, so that a large common offset costs no digits.
    """

    def __init__(self, dim: int) -> None:
        self.n = 0
        self.origin = np.zeros(dim)
        self.total = np.zeros(dim)
        self.outer = np.zeros((dim, dim))

    def update(self, vectors: NDArray[Any]) -> None:
        """vectors: (n, dim)."""
        if not self.n and len(vectors):
            self.origin = np.asarray(vectors[0], dtype=np.float64).copy()
        centred = np.asarray(vectors, dtype=np.float64) - self.origin
        self.n += len(centred)
        self.total += centred.sum(0)
        self.outer += centred.T @ centred

    def merge(self, other: Moments) -> None:
        """Take in what the other has seen."""
        if not self.n:
            self.origin = other.origin.copy()
        shift = other.origin - self.origin
        cross = np.outer(other.total, shift)
        self.outer += other.outer + cross + cross.T + other.n * np.outer(shift, shift)
        self.total += other.total + other.n * shift
        self.n += other.n

    @property
    def mean(self) -> Array:
        return self.origin + self.total / self.n

    @property
    def covariance(self) -> Array:
        """Divided by n − 1."""
        return (self.outer - np.outer(self.total, self.total) / self.n) / (self.n - 1)

    def state(self) -> dict[str, NDArray[Any]]:
        return {"n": np.array(self.n), "origin": self.origin, "total": self.total, "outer": self.outer}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.n = int(state["n"])
        self.origin, self.total, self.outer = (np.array(state[k]) for k in ("origin", "total", "outer"))


def gaussian_w2(mean: Array, covariance: Array, mean_ref: Array, root_ref: Array) -> float:
    """W2 between N(mean, covariance) and N(mean_ref, root_ref²), root_ref symmetric (Dowson & Landau 1982)."""
    inner = root_ref @ covariance @ root_ref
    trace_root = np.sqrt(np.clip(np.linalg.eigvalsh((inner + inner.T) / 2), 0, None)).sum()
    square = np.sum((mean - mean_ref) ** 2) + np.trace(covariance) + np.sum(root_ref**2) - 2 * trace_root
    return float(np.sqrt(max(square, 0.0)))
