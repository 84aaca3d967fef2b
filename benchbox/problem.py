"""Inverse problems: what is measured of a sample, y = A(x_0) + σ_y n."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from benchbox.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.data_distribution import DataDistribution


@dataclass(frozen=True)
class Problem(ABC):
    """An operator A and the noise of its measurements, y = A(x_0) + σ_y n; a frozen dataclass of options.

    sigma_y: the standard deviation of the noise, in the model's units (its `data_range`). truth: a file of the samples
    that are measured (default: the model's exact draws, or the held-out images that come with it). `linear` is False
    where A is not linear; it then has no adjoint.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    linear: ClassVar[bool] = True
    sigma_y: float = field(default=0.05, kw_only=True)
    truth: Path | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not self.sigma_y >= 0:
            raise ValueError(f"sigma_y={self.sigma_y:g} is the standard deviation of the noise: give 0 or more.")

    def check(self, shape: tuple[int, ...]) -> None:  # noqa: B027 (most operators take any shape)
        """Raise UsageError, before any work, where samples of this shape cannot be measured."""

    def posed(self, model: DataDistribution) -> Problem:
        """The problem for the data of a model: itself, unless an option depends on the model."""
        return self

    def require_linear(self, metric: str) -> None:
        """UsageError where it is not linear: its posterior is then no formula, even for data whose law is one."""
        if not self.linear:
            raise UsageError(f"metric {metric} needs a known posterior, and problem {self.name} is not linear.")

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """A(x): (batch, *shape) to (batch, *measurement), differentiable. An entry that sees nothing of x is 0."""

    def adjoint(self, y: Tensor) -> Tensor:
        """Aᵀ y of a linear operator: (batch, *measurement) to the numbers of (batch, *shape)."""
        raise NotImplementedError


def has_adjoint(problem: Problem) -> bool:
    """Whether the operator is linear and its class defines `adjoint`."""
    return problem.linear and type(problem).adjoint is not Problem.adjoint
