"""One-dimensional Wasserstein distances between the columns of two arrays, which are sorted once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]


class Sorted:
    """The columns of an array (n, columns), each sorted, with the row of origin of every number.

    Each column is contiguous while it is sorted and resampled: across rows a large array would be read anew for each.
    """

    def __init__(self, x: Float32Array) -> None:
        columns = np.ascontiguousarray(x.T)
        self.order = np.argsort(columns, axis=1)
        self.columns = np.take_along_axis(columns, self.order, axis=1)
        self.values = np.ascontiguousarray(self.columns.T)

    def resampled(self, rng: np.random.Generator) -> Float32Array:
        """The sorted columns of a bootstrap sample of the rows (Efron 1979), without sorting again."""
        n = len(self.values)
        counts = np.bincount(rng.integers(n, size=n), minlength=n)
        pairs = zip(self.columns, self.order, strict=True)
        return np.stack([np.repeat(column, counts[rows]) for column, rows in pairs], axis=1)


def distance(x: Float32Array, y: Float32Array, power: int = 2) -> float:
    """The power mean over sorted columns (n, columns) of the W_power between the two empirical laws."""
    moment = np.mean(np.abs(x.astype(np.float64) - y) ** power)
    return float(np.sqrt(moment) if power == 2 else moment ** (1 / power))
