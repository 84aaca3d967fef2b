"""Measurements of an inverse problem: what samplers and guidances find in `denoise.measurement`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from benchbox.errors import UsageError, sentence
from benchbox.model import Model
from benchbox.problem import Problem, has_adjoint

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from benchbox.denoiser import Denoiser

MOST_ENTRIES = 2**26
"""Of a matrix that is decomposed."""

RANK = 1e-10
"""Singular values below this share of the largest are 0."""


PROBES = 4
"""Random samples by which the entries of a measurement that see nothing are found."""


class SVD(NamedTuple):
    """A = U diag(s) Vᵀ with s > 0: u (measured, rank), s (rank,), v (numbers of a sample, rank)."""

    u: Tensor
    s: Tensor
    v: Tensor


class Measurement:
    """y = A(x_0) + σ_y n of a batch of samples: y (batch, *measurement), one for each sample; shape: of a sample."""

    def __init__(self, problem: Problem, y: Tensor, shape: tuple[int, ...]) -> None:
        self.problem, self.y, self.shape, self.sigma_y = problem, y, shape, problem.sigma_y

    def forward(self, x_0: Tensor) -> Tensor:
        """A(x_0)."""
        return self.problem.forward(x_0)

    def adjoint(self, v: Tensor) -> Tensor:
        """Aᵀ v of a linear problem, (batch, *shape)."""
        return self.problem.adjoint(v).reshape(-1, *self.shape)

    def residual(self, x_0: Tensor) -> Tensor:
        """y − A(x_0)."""
        return self.y.to(x_0) - self.forward(x_0)

    def pulled_back(self, x_0: Tensor, v: Tensor) -> Tensor:
        """(∂A/∂x_0)ᵀ v: Aᵀ v where A is linear."""

        import torch

        if has_adjoint(self.problem):
            return self.adjoint(v)
        with torch.inference_mode(False), torch.enable_grad():
            leaf = x_0.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(self.forward(leaf), leaf, v.clone())
        return gradient

    def svd(self, like: Tensor) -> SVD:
        """The singular value decomposition of A, on the device and in the type of a tensor."""
        return svd_of(self.problem, self.shape, like.device, like.dtype)

    def filtered(self, gain: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
        """Σ g(s_i) v_i u_iᵀ v over the singular values s_i > 0 of A: (batch, *measurement) to (batch, *shape)."""
        u, s, right = self.svd(v)
        return ((v.flatten(1) @ u * gain(s)) @ right.mT).view(-1, *self.shape)


def seen_entries(problem: Problem, shape: tuple[int, ...]) -> Tensor:
    """The entries of a measurement that see anything of a sample of this shape, bool, by some random samples."""
    import numpy as np
    import torch

    probes = torch.as_tensor(np.random.default_rng(0).standard_normal((PROBES, *shape)))
    return (problem.forward(probes) != 0).any(0)


def pose(problem: Problem, model: Model) -> Problem:
    """The problem for a model's data. UsageError, before any work, where it cannot be posed."""

    import torch

    if model.latent:
        raise UsageError(f"a problem measures data, and model {model.title} makes latents: choose another model.")
    posed = problem.posed(model)
    if not 0 <= posed.sigma_y < float("inf"):
        raise UsageError(f"sigma_y={posed.sigma_y:g} of problem {posed.name} is not valid: give a number from 0.")
    posed.check(model.shape)
    x = torch.zeros(2, *model.shape, dtype=torch.float64)
    try:
        y = posed.forward(x)
        back = posed.adjoint(y) if has_adjoint(posed) else x
    except Exception as error:
        raise UsageError(f"problem {posed.name} cannot measure samples of {model.title}: {sentence(error)}.") from error
    if len(y) != 2 or y.ndim < 2:
        raise UsageError(f"problem {posed.name} measures {tuple(y.shape)} of two samples: give (batch, *measurement).")
    if back.shape[:1] != x.shape[:1] or back.numel() != x.numel():
        raise UsageError(
            f"the adjoint of problem {posed.name} gives {tuple(back.shape)} where {tuple(x.shape)} is meant."
        )
    return posed


@dataclass(frozen=True, eq=False)
class Measurements:
    """M measurements: truths (M, *shape) and y (M, *measurement). Sample i belongs to measurement i mod M.

    measured: the numbers of a measurement that see anything of the sample. data_range: of the truths.
    """

    problem: Problem
    truths: Tensor
    y: Tensor
    measured: int
    data_range: tuple[float, float] | None = None

    def of(self, index: Tensor) -> Tensor:
        """The measurement of each sample, by its global number."""
        return index % len(self.y)

    def at(self, index: Tensor) -> Measurement:
        """The measurements of the samples with these numbers."""
        return Measurement(self.problem, self.y[self.of(index)], tuple(self.truths.shape[1:]))


def residual_gradient(denoise: Denoiser, x: Tensor, sigma: float, y: Measurement) -> tuple[Tensor, Tensor]:
    """D(x, σ), and ∇_x ‖y − A(D)‖ of each sample: an evaluation and a backward."""
    d, pull = denoise.pullback(x, sigma)
    residual = y.residual(d)
    norm = residual.flatten(1).norm(dim=1).view(-1, *[1] * (residual.ndim - 1))
    return d, -pull(y.pulled_back(d, residual / norm.clamp_min(1e-12)))


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
