"""Mode weights and mode recall on a mixture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Context, Metric
from benchbox.model import Model
from benchbox.models.mixture import Mixture

if TYPE_CHECKING:
    from torch import Tensor

WITHIN = 0.9973
"""The share of a mode's mass inside its radius: that within 3 standard deviations in one dimension."""


@dataclass(frozen=True)
class Modes(Metric):
    """Mode weights and mode recall of samples of a Gaussian mixture.

    `mode_weight_1` …: the mean of the posterior weight of each mode, whose expectation is the mode's own weight for
    exact samples, overlapping modes or not; with its standard error, `mode_weight_1_std` …

    `mode_recall`: the share of the modes that have a sample within the radius that holds 99.73 % of their mass (3
    standard deviations: Srivastava et al. 2017), with its bootstrap standard error. It grows with their number.
    """

    name = "modes"

    def check(self, model: Model) -> None:
        if not isinstance(model, Mixture):
            raise UsageError(f"metric modes needs a model with known modes, mixture, and not {model.name}.")
        if min(model.stds) == 0 or min(model.weights) == 0:
            raise UsageError("metric modes needs modes of positive weight and width: see weights and stds of mixture.")

    def start(self, context: Context) -> ModesAccumulator:
        assert isinstance(context.model, Mixture)
        return ModesAccumulator(context.model)


class ModesAccumulator(Accumulator):
    """Per mode: sums of its posterior weight and of the square of it, and the samples within its radius."""

    def __init__(self, mixture: Mixture) -> None:
        from scipy.special import gammaincinv

        self.means, self.weights, self.variances = mixture.modes
        self.n = 0
        self.sums = np.zeros((3, len(self.weights)))
        self.radius2 = 2 * gammaincinv(mixture.dim / 2, WITHIN)  # a quantile of χ²

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
        # resampled n times, a mode is missed with probability (1 − hits)ⁿ, in all but independently of the others
        missed = (1 - hits) ** n
        error = np.sqrt(np.sum(missed * (1 - missed))) / len(hits)
        return columns | {"mode_recall": float(np.mean(hits > 0)), "mode_recall_std": float(error)}
