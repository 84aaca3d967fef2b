"""Mean and covariance of the features of each class of a data set, and of any mixture of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.inputs.statistics import finite_numbers
from benchbox.metrics.frechet import Matrix, Moments

NAMES = ("class_n", "class_mu", "class_sigma")
"""The arrays of a file: counts (K,), means (K, d), lower triangles of the covariances (K, d(d+1)/2)."""


@dataclass(frozen=True)
class ClassMoments:
    """Of each class: the number of images (K,), the mean (K, d) and the unbiased covariance (K, d, d)."""

    n: NDArray[np.int64]
    mu: Matrix
    sigma: Matrix

    @classmethod
    def of(cls, moments: Mapping[int, Moments]) -> ClassMoments:
        """From the moments of each class. UsageError where a class has fewer than two images."""
        ordered = [moments.get(number, Moments(0)) for number in range(max(moments) + 1)]
        if few := [number for number, m in enumerate(ordered) if m.n < 2]:
            raise UsageError(f"class {few[0]} has fewer than two images: a covariance needs at least two.")
        counts = np.array([m.n for m in ordered])
        return cls(counts, np.stack([m.mean for m in ordered]), np.stack([m.covariance for m in ordered]))

    def mixture(self, shares: NDArray[np.float64]) -> tuple[Matrix, Matrix]:
        """Mean and covariance of a data set with these shares (K,) of the classes, which sum to 1."""
        mean = shares @ self.mu
        between = self.mu - mean
        within = np.tensordot(shares, self.sigma, 1)
        return mean, within + (shares[:, None] * between).T @ between

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of a file."""
        rows, columns = np.tril_indices(self.mu.shape[1])
        return dict(zip(NAMES, (self.n, self.mu, self.sigma[:, rows, columns]), strict=True))

    @classmethod
    def read(cls, arrays: dict[str, NDArray[Any]]) -> ClassMoments:
        """From the arrays of a file. ValueError where their shapes do not fit."""
        n, mu, triangles = (finite_numbers(arrays[name], name) for name in NAMES)
        rows, columns = np.tril_indices(mu.shape[-1])
        if mu.ndim != 2 or n.shape != mu.shape[:1] or triangles.shape != (len(mu), len(rows)):
            raise ValueError(f"its {', '.join(NAMES)} have shapes {n.shape}, {mu.shape} and {triangles.shape}")
        sigma = np.empty((*mu.shape, mu.shape[1]))
        sigma[:, rows, columns] = sigma[:, columns, rows] = triangles
        return cls(n.astype(np.int64), mu, sigma)


def update_classes(moments: dict[int, Moments], features: NDArray[Any], labels: NDArray[np.int64]) -> None:
    """Add features (n, d) to the moments of their classes, labels (n,)."""
    for number in np.unique(labels).tolist():
        moments.setdefault(number, Moments(features.shape[1])).update(features[labels == number])
