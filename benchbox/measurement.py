"""Measurements of an inverse problem: what samplers and guidances find in `denoise.measurement`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.errors import UsageError, sentence
from benchbox.model import Model
from benchbox.problem import Problem, has_adjoint
from benchbox.svd import SVD, svd_of

if TYPE_CHECKING:
    from torch import Tensor

PROBES = 4
"""Random samples by which the entries of a measurement that see nothing are found."""


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
            f"the adjoint of problem {posed.name} gives {tuple(back.shape)}: its shape must be {tuple(x.shape)}."
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
