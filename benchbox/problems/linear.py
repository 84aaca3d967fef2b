"""A linear problem whose matrix is in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.files import array_in
from benchbox.problem import Problem

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Linear(Problem):
    """A x = M x, of a matrix M (measured numbers × numbers of a sample) in the .npy file `matrix`."""

    name = "linear"
    matrix: Path = field(kw_only=True)

    @cached_property
    def entries(self) -> Tensor:
        """M, float64. UsageError where the file holds no matrix."""

        import torch

        array = array_in(self.matrix, "an .npy file of a matrix")
        if array.ndim != 2 or not array.size:
            raise UsageError(f"{self.matrix} holds numbers of shape {array.shape}, and a matrix is needed.")
        with torch.inference_mode(False):
            return torch.as_tensor(array, dtype=torch.float64)

    def check(self, shape: tuple[int, ...]) -> None:
        if self.entries.shape[1] != prod(shape):
            raise UsageError(
                f"problem linear: the matrix in {self.matrix} has {self.entries.shape[1]} columns, "
                f"and samples of shape {shape} have {prod(shape)} numbers."
            )

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.entries.to(x).mT

    def adjoint(self, y: Tensor) -> Tensor:
        return y @ self.entries.to(y)
