"""Unbiased squared distances between two laws by a kernel, with their standard errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Metric
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

Kernel = Callable[["Tensor", "Tensor"], "Tensor"]
"""x (n, dim) and y (m, dim) to k(x_i, y_j), (n, m)."""

ROWS_AT_ONCE = 512
"""Rows of the kernel matrix that are held at once."""


@dataclass(frozen=True)
class Between(Metric):
    """What the kernel metrics share: they compare the first `samples` samples with as many exact draws."""

    samples: int = 10_000
    reference_seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 4:
            raise ValueError("samples must be at least 4.")

    def check(self, model: Model) -> None:
        if model.draw(1, 0) is None:
            raise UsageError(
                f"metric {self.name} needs exact draws of the data, and model {model.name} has none: choose another."
            )


class TwoSample(Accumulator):
    """The first samples by their numbers: memory is bounded by `limit` float32 samples."""

    def __init__(self, name: str, model: Model, limit: int, seed: int, kernel: Kernel) -> None:
        self.name, self.model, self.limit, self.seed, self.kernel = name, model, limit, seed, kernel
        self.parts = [np.empty((0, math.prod(model.data_shape)), np.float32)]
        self.index = [np.empty(0, np.int64)]

    def update(self, batch: Tensor, index: Tensor) -> None:
        keep = index < self.limit
        self.parts.append(batch[keep].flatten(1).float().cpu().numpy())
        self.index.append(index[keep].cpu().numpy())

    def merge(self, other: TwoSample) -> None:
        self.parts += other.parts
        self.index += other.index

    def state(self) -> dict[str, NDArray[Any]]:
        return {"samples": np.concatenate(self.parts), "index": np.concatenate(self.index)}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.parts, self.index = [state["samples"]], [state["index"]]

    def compute(self) -> dict[str, float | str | None]:
        import torch

        index = np.concatenate(self.index)
        if len(index) < 4:
            return {self.name: None, f"{self.name}_std": None}
        x = torch.as_tensor(np.concatenate(self.parts)[np.argsort(index)]).double()
        y = self.model.draw(len(x), self.seed)
        assert y is not None
        value, error = squared_distance(x, y.flatten(1).double(), self.kernel)
        return {self.name: value, f"{self.name}_std": error}


def squared_distance(x: Tensor, y: Tensor, kernel: Kernel) -> tuple[float, float]:
    """E k(X,X') + E k(Y,Y') − 2 E k(X,Y) from n ≥ 4 draws of each law, (n, dim), and its standard error.

    The U-statistic of h_ij = k(x_i,x_j) + k(y_i,y_j) − k(x_i,y_j) − k(x_j,y_i) (Gretton et al. 2012, lemma 6), and
    Hoeffding's variance of it (1948), 4(n−2)/(n(n−1)) ζ_1 + 2/(n(n−1)) ζ_2, its parts estimated without bias from the
    same h_ij. Between equal laws ζ_1 is 0 and its estimate may be negative: the sum is kept above half of the second
    term, which makes the mean error 0 to 16 % too large there.
    """
    n = len(x)
    rows = x.new_zeros(n)
    squares = 0.0
    for first in range(0, n, ROWS_AT_ONCE):
        part = slice(first, first + ROWS_AT_ONCE)
        h = kernel(x[part], x) + kernel(y[part], y) - kernel(x[part], y) - kernel(y[part], x)
        h.diagonal(first).zero_()
        rows[part] = h.sum(1)
        squares += float(h.square().sum())
    total, row_squares, pairs = float(rows.sum()), float(rows.square().sum()), n * (n - 1)
    # means of h_ij h_ij, h_ij h_ik and h_ij h_kl over different indices
    same = squares / pairs
    shared = (row_squares - squares) / (pairs * (n - 2))
    apart = (total**2 - 4 * row_squares + 2 * squares) / (pairs * (n - 2) * (n - 3))
    first_order, second_order = 4 * (n - 2) * (shared - apart) / pairs, 2 * max(same - apart, 0.0) / pairs
    return total / pairs, math.sqrt(max(first_order + second_order, second_order / 2))
