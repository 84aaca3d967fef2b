"""Sliced Wasserstein distances to draws of the data, or of the posterior of an inverse problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.gaussians import posterior_of
from benchbox.measurement import Measurements
from benchbox.metric import Context, Metric
from benchbox.metrics.restoration import over_measurements
from benchbox.metrics.sorted_columns import Float32Array, Sorted, distance
from benchbox.metrics.vectors import StoredVectors
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.problem import Problem


@dataclass(frozen=True)
class SlicedW2(Metric):
    """Sliced W2 (Bonneel et al. 2015): the root mean square over random directions of the one-dimensional W2 to as many
    exact draws of the data, drawn with `reference_seed`.

    It is biased upward. `sw2_std` is the standard error from `resamples` bootstrap samples of samples and draws (0:
    none); it does not include the bias. Memory: `projections` float32 numbers per sample.

    Under an inverse problem it is the distance to draws of the exact posterior of each measurement, averaged, with the
    standard error over measurements; `sw2_floor` is that between two sets of exact draws.
    """

    name = "sw2"
    power: ClassVar[int] = 2
    projections: int = 64
    resamples: int = 30
    reference_seed: int = 0

    def __post_init__(self) -> None:
        if self.projections < 1 or self.resamples == 1 or self.resamples < 0:
            raise ValueError("projections must be at least 1, and resamples 0 or at least 2.")

    def check(self, model: Model) -> None:
        if model.draw(1, 0) is None:
            reason = f"metric {self.name} needs exact draws of the data, and model {model.name} has none"
            raise UsageError(f"{reason}: choose another metric.")

    def check_problem(self, problem: Problem | None, model: Model) -> None:
        if problem is None:
            return
        problem.require_linear(self.name)
        if model.mixture_law() is None:
            raise UsageError(
                f"metric {self.name} needs a known posterior, and that of model {model.title} is not known."
            )

    def start(self, context: Context) -> Sliced:
        return Sliced(context.model, self, context.measurements)


@dataclass(frozen=True)
class SlicedW1(SlicedW2):
    """Sliced W1: the mean over random directions of the one-dimensional W1 to as many exact draws of the data.

    As published for posteriors of mixtures (Cardoso et al. 2023, arXiv:2308.07983). All else is as for sw2.
    """

    name = "sw1"
    power: ClassVar[int] = 1


class Sliced(StoredVectors):
    """Stores the projections of the samples with their numbers."""

    key = "projections"

    def __init__(self, model: Model, metric: SlicedW2, measurements: Measurements | None) -> None:
        super().__init__(metric.projections)
        self.model, self.metric, self.measurements = model, metric, measurements
        directions = np.random.default_rng(0).standard_normal((int(np.prod(model.data_shape)), metric.projections))
        self.directions = directions / np.linalg.norm(directions, axis=0)

    def vectors(self, x: Tensor) -> Float32Array:
        return (x.flatten(1).double().cpu().numpy() @ self.directions).astype(np.float32)

    def compute(self) -> dict[str, float | str | None]:
        name, (projections, index) = self.metric.name, self.ordered()
        if len(index) < 2:
            return {name: None, f"{name}_std": None}
        if self.measurements is not None:
            return self.to_posteriors(projections, index % len(self.measurements.y), self.measurements)
        reference = self.model.draw(len(index), self.metric.reference_seed)
        assert reference is not None
        samples, draws = Sorted(projections), Sorted(self.vectors(reference))
        return {name: self.distance(samples, draws), f"{name}_std": self.bootstrap(samples, draws)}

    def to_posteriors(
        self, projections: Float32Array, number: NDArray[np.int64], measurements: Measurements
    ) -> dict[str, float | str | None]:
        """The distances of the samples of each measurement, and of exact draws, to other exact draws."""
        name, exact = self.metric.name, posterior_of(self.model, measurements.problem, measurements.y.device)
        own, floor, bootstrap = list[float](), list[float](), None
        for j in np.unique(number):
            samples, y = Sorted(projections[number == j]), measurements.y[j : j + 1]
            # a seed of the measurement: the draws of two problems have nothing in common, and their errors average out
            seed = [self.metric.reference_seed, *y.double().cpu().numpy().view(np.uint32).ravel().tolist()]
            sets = [exact.draw(y, len(samples.values), [*seed, k]) for k in range(2)]
            draws, others = (Sorted(self.vectors(x)) for x in sets)
            own.append(self.distance(samples, draws))
            floor.append(self.distance(others, draws))
            bootstrap = self.bootstrap(samples, draws) if len(measurements.y) == 1 else None
        columns = over_measurements(name, np.array(own)) | over_measurements(f"{name}_floor", np.array(floor))
        return columns | ({f"{name}_std": bootstrap} if bootstrap is not None else {})

    def bootstrap(self, samples: Sorted, draws: Sorted) -> float | None:
        """The standard error of the distance."""
        rng = np.random.default_rng(0)
        resampled = [
            distance(samples.resampled(rng), draws.resampled(rng), self.metric.power)
            for _ in range(self.metric.resamples)
        ]
        return float(np.std(resampled, ddof=1)) if resampled else None

    def distance(self, samples: Sorted, draws: Sorted) -> float:
        return distance(samples.values, draws.values, self.metric.power)
