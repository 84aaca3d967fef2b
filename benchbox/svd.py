"""The matrix of a linear inverse problem, and its singular value decomposition."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from benchbox.errors import UsageError
from benchbox.problem import Problem

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MOST_ENTRIES = 2**26
"""Of a matrix that is decomposed."""

RANK = 1e-10
"""Singular values below this share of the largest are 0."""


class SVD(NamedTuple):
    """A = U diag(s) Vᵀ with s > 0: u (measured, rank), s (rank,), v (numbers of a sample, rank)."""

    u: Tensor
    s: Tensor
    v: Tensor


def matrix_of(problem: Problem, shape: tuple[int, ...]) -> Tensor:
    """The matrix of a linear problem, (measured, numbers of a sample), float64. UsageError where it is too large."""
    import torch

    dim = prod(shape)
    one = problem.forward(torch.zeros(1, *shape, dtype=torch.float64))
    if dim * one.numel() > MOST_ENTRIES:
        raise UsageError(
            f"problem {problem.name} has a matrix of {one.numel():,} × {dim:,} numbers, too many to decompose: "
            "use a guidance without its singular values, such as mmps."
        )
    return problem.forward(torch.eye(dim, dtype=torch.float64).view(dim, *shape)).reshape(dim, -1).mT.contiguous()


@lru_cache(maxsize=64)
def svd_of(problem: Problem, shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> SVD:
    """The singular value decomposition of a linear problem; singular values that are 0 are left out."""
    import torch

    with torch.inference_mode(False), torch.no_grad():
        u, s, vt = torch.linalg.svd(matrix_of(problem, shape), full_matrices=False)
        rank = int((s > RANK * s.max()).sum())
        return SVD(*(factor.to(device, dtype) for factor in (u[:, :rank], s[:rank], vt[:rank].mT)))
