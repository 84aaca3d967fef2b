"""Random linear problems, as published with the mixture of 25 components."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from benchbox.errors import UsageError
from benchbox.problem import Problem

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.data_distribution import DataDistribution


@dataclass(frozen=True)
class RandomLinear(Problem):
    """A = U diag(s) Vᵀ with random U and V, s ~ U[0, 1], and σ_y ~ U[0, 1] · max s (Cardoso et al. 2023, MCGDiff).

    arXiv:2308.07983, the experiment with a mixture of 25 components (model `mixture25`). rows: the measured numbers.
    number: which problem, and dim: the numbers of a sample; by default those of the model. sigma_y: by default the
    drawn one, which the row states.
    """

    name = "random-linear"
    rows: int = 1
    number: int | None = None
    dim: int | None = None
    sigma_y: float = field(default=math.inf, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rows < 1:
            raise ValueError("rows must be at least 1.")

    def posed(self, model: DataDistribution) -> Problem:
        dim = self.dim or prod(model.shape)
        number = self.number if self.number is not None else getattr(model, "number", 0)
        drawn = random_operator(number, self.rows, dim)[1]
        return replace(self, number=number, dim=dim, sigma_y=drawn if self.sigma_y == math.inf else self.sigma_y)

    def check(self, shape: tuple[int, ...]) -> None:
        if not self.rows <= prod(shape) == self.dim:
            raise UsageError(
                f"problem random-linear has {self.rows} rows of {self.dim} numbers, unlike samples of {shape}."
            )

    @property
    def matrix(self) -> Tensor:
        """A, (rows, dim), float64."""
        return random_operator(self.number or 0, self.rows, self.dim or self.rows)[0]

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.matrix.to(x).mT

    def adjoint(self, y: Tensor) -> Tensor:
        return y @ self.matrix.to(y)


@lru_cache(maxsize=128)
def random_operator(number: int, rows: int, dim: int) -> tuple[Tensor, float]:
    """A and σ_y of one problem."""

    import torch

    rng = np.random.default_rng(np.random.SeedSequence([number, rows, dim]))
    u, _, vt = np.linalg.svd(rng.standard_normal((rows, dim)), full_matrices=False)
    s = np.sort(rng.random(rows))[::-1]
    with torch.inference_mode(False):
        return torch.as_tensor((u * s) @ vt), float(rng.random() * s.max())
