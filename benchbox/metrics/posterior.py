"""Distances to the exact posterior of an inverse problem, one for each measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.gaussians import posterior_of, root_of
from benchbox.measurement import Measurements
from benchbox.metric import Accumulator
from benchbox.metrics.frechet import Moments, gaussian_w2
from benchbox.metrics.restoration import over_measurements

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Model
    from benchbox.problem import Problem


def compares_with_data(metric: str, problem: Problem | None) -> None:
    """UsageError under a problem: the samples are of its posterior, and the metric's reference is the data."""
    if problem is not None:
        raise UsageError(
            f"metric {metric} compares samples with the data, and those of problem {problem.name} are of its "
            "posterior: use w2, sw2 or residual."
        )


class PosteriorW2(Accumulator):
    """The moments of the samples of each measurement, for Gaussian data. Memory: one covariance per measurement."""

    def __init__(self, model: Model, measurements: Measurements) -> None:
        self.measurements = measurements
        self.exact = posterior_of(model, measurements.problem, measurements.y.device)
        self.moments = [Moments(measurements.truths[0].numel()) for _ in measurements.y]

    def update(self, batch: Tensor, index: Tensor) -> None:
        number, x = self.measurements.of(index), batch.flatten(1).double()
        for j in number.unique().tolist():
            self.moments[j].update(x[number == j].cpu().numpy())

    def merge(self, other: PosteriorW2) -> None:
        for ours, theirs in zip(self.moments, other.moments, strict=True):
            ours.merge(theirs)

    def state(self) -> dict[str, NDArray[Any]]:
        states = [moments.state() for moments in self.moments]
        return {key: np.stack([state[key] for state in states]) for key in states[0]}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        for j, moments in enumerate(self.moments):
            moments.load({key: array[j] for key, array in state.items()})

    def compute(self) -> dict[str, float | str | None]:
        means, covariances = (moment.cpu().numpy() for moment in self.exact.moments(self.measurements.y))
        distances = [
            gaussian_w2(seen.mean, seen.covariance, mean, root_of(covariance))
            for seen, mean, covariance in zip(self.moments, means, covariances, strict=True)
            if seen.n > 1
        ]
        return over_measurements("w2", np.array(distances))
