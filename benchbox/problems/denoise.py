"""Denoising."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from benchbox.problem import Problem


@dataclass(frozen=True)
class Denoising(Problem):
    """The sample itself is measured, with noise: A x = x."""

    name = "denoise"

    def forward(self, x: Tensor) -> Tensor:
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        return y
