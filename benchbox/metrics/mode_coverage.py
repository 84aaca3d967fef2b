"""How much of a mixture the samples cover, and how many of them lie within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Context, Metric
from benchbox.metrics.frechet import Matrix
from benchbox.metrics.modes import WITHIN, HasModes
from benchbox.metrics.posterior import compares_with_data
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.problem import Problem


@dataclass(frozen=True)
class ModeCoverage(Metric):
    """Coverage of a Gaussian mixture by samples: recall and precision of its modes, weighted by their mass.

    A sample is inside a mode within the ellipse that holds 99.73 % of the mode's mass. `mode_coverage`: the weight of
    the modes with a sample inside, which grows with the number of samples. `mode_precision`: the share of samples
    inside a mode.
    """

    name = "mode_coverage"
    aliases = ("mode-coverage",)

    def check(self, model: Model) -> None:
        if np.linalg.det(components(model)[2]).min() == 0:
            raise UsageError(f"metric {self.name} needs modes of some width: one of model {model.title} has none.")

    def check_problem(self, problem: Problem | None, model: Model) -> None:
        compares_with_data(self.name, problem)

    def start(self, context: Context) -> ModeCoverageAccumulator:
        return ModeCoverageAccumulator(*components(context.model))


@runtime_checkable
class HasComponents(Protocol):
    """A model whose law is a mixture of Gaussians, such as `fractal`."""

    @property
    def components(self) -> tuple[Matrix, Matrix, Matrix]:
        """Means (K, dim), weights that sum to 1, and covariances (K, dim, dim)."""


def components(model: Model) -> tuple[Matrix, Matrix, Matrix]:
    """Means, weights and covariances of a mixture. UsageError for another model."""
    if isinstance(model, HasComponents):
        return model.components
    if isinstance(model, HasModes):
        means, weights, variances = model.modes
        return means, weights, variances[:, None, None] * np.eye(means.shape[1])
    raise UsageError(f"metric mode_coverage needs a model with known modes, such as fractal, not {model.title}.")


class ModeCoverageAccumulator(Accumulator):
    """Which modes have a sample inside, and how many samples are inside a mode."""

    def __init__(self, means: Matrix, weights: Matrix, covariances: Matrix) -> None:
        from scipy.special import gammaincinv

        self.means, self.weights, self.precisions = means, weights, np.linalg.inv(covariances)
        self.radius2 = 2 * gammaincinv(means.shape[1] / 2, WITHIN)  # a quantile of χ²
        self.hit, self.inside, self.n = np.zeros(len(weights), dtype=bool), 0, 0

    def update(self, batch: Tensor, index: Tensor) -> None:
        away = batch.double().cpu().numpy()[:, None, :] - self.means
        within = np.einsum("nki,kij,nkj->nk", away, self.precisions, away, optimize=True) <= self.radius2
        self.hit |= within.any(0)
        self.inside += int(within.any(1).sum())
        self.n += len(batch)

    def merge(self, other: ModeCoverageAccumulator) -> None:
        self.hit |= other.hit
        self.inside, self.n = self.inside + other.inside, self.n + other.n

    def state(self) -> dict[str, NDArray[Any]]:
        return {"hit": self.hit, "counts": np.array([self.inside, self.n])}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.hit = np.array(state["hit"], dtype=bool)
        self.inside, self.n = (int(count) for count in state["counts"])

    def compute(self) -> dict[str, float | str | None]:
        if not self.n:
            return {"mode_coverage": None, "mode_precision": None}
        share = self.inside / self.n
        return {
            "mode_coverage": float(self.weights @ self.hit), "mode_precision": share,
            "mode_precision_se": (share * (1 - share) / self.n) ** 0.5,
        }  # fmt: skip
