"""Mode weights and mode recall on a mixture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Context, Metric
from benchbox.metrics.frechet import Matrix
from benchbox.metrics.posterior import compares_with_data
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.problem import Problem

WITHIN = 0.9973
"""Share of a mode's mass inside its radius: the mass within 3 standard deviations in one dimension."""


@runtime_checkable
class HasModes(Protocol):
    """A model whose law is a mixture of isotropic Gaussians, such as `mixture`."""

    @property
    def modes(self) -> tuple[Matrix, Matrix, Matrix]:
        """Means (K, dim), weights that sum to 1, and variances."""


@dataclass(frozen=True)
class Modes(Metric):
    """Mode weights and mode recall of samples of a Gaussian mixture.

    `mode_weight_1` …: the mean posterior weight of each mode. Its expectation is the weight of the mode for exact
    samples, even where modes overlap. `mode_weight_1_std` … are the standard errors.

    `mode_recall`: the share of the modes with a sample inside the radius that holds 99.73 % of their mass (3 standard
    deviations: Srivastava et al. 2017). It grows with the number of samples. `mode_recall_std` is its bootstrap
    standard error.
    """

    name = "modes"

    def check(self, model: Model) -> None:
        if not isinstance(model, HasModes):
            raise UsageError(f"metric modes needs a model with known modes, such as mixture, not {model.name}.")
        _, weights, variances = model.modes
        if weights.min() == 0 or variances.min() == 0:
            raise UsageError(f"metric modes needs positive weights and stds of the modes of model {model.name}.")

    def check_problem(self, problem: Problem | None, model: Model) -> None:
        compares_with_data(self.name, problem)

    def start(self, context: Context) -> ModesAccumulator:
        assert isinstance(context.model, HasModes)
        return ModesAccumulator(context.model)


class ModesAccumulator(Accumulator):
    """Sums for each mode: its posterior weight, the square of it, and the samples within its radius."""

    def __init__(self, mixture: HasModes) -> None:
        from scipy.special import gammaincinv

        self.means, self.weights, self.variances = mixture.modes
        self.n = 0
        self.sums = np.zeros((3, len(self.weights)))
        self.radius2 = 2 * gammaincinv(self.means.shape[1] / 2, WITHIN)  # a quantile of χ²

    def update(self, batch: Tensor, index: Tensor) -> None:
        x = batch.double().cpu().numpy()
        distance2 = np.square(x[:, None, :] - self.means).sum(2) / self.variances
        log_r = np.log(self.weights) - 0.5 * (distance2 + x.shape[1] * np.log(self.variances))
        r = np.exp(log_r - log_r.max(1, keepdims=True))
        r /= r.sum(1, keepdims=True)
        self.sums += [r.sum(0), np.square(r).sum(0), (distance2 <= self.radius2).sum(0)]
        self.n += len(x)

    def merge(self, other: ModesAccumulator) -> None:
        self.n += other.n
        self.sums += other.sums

    def state(self) -> dict[str, NDArray[Any]]:
        return {"n": np.array(self.n), "sums": self.sums}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.n, self.sums = int(state["n"]), np.array(state["sums"])

    def compute(self) -> dict[str, float | str | None]:
        n, names = self.n, [f"mode_weight_{k + 1}" for k in range(len(self.weights))]
        if n < 2:
            return dict.fromkeys([*names, *(f"{name}_std" for name in names), "mode_recall", "mode_recall_std"])
        mean, square, hits = self.sums / n
        errors = np.sqrt(np.clip(square - mean**2, 0, None) / (n - 1))
        columns: dict[str, float | str | None] = {}
        for name, value, error in zip(names, mean, errors, strict=True):
            columns |= {name: float(value), f"{name}_std": float(error)}
        # a bootstrap sample misses a mode with probability (1 − hits)ⁿ, nearly independently of the other modes
        missed = (1 - hits) ** n
        error = np.sqrt(np.sum(missed * (1 - missed))) / len(hits)
        return columns | {"mode_recall": float(np.mean(hits > 0)), "mode_recall_std": float(error)}
