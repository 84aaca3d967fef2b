"""Metrics of restored samples: a number per sample, averaged over the samples of each measurement, then over these."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.measurement import Measurements
from benchbox.metric import Accumulator, Context, Metric
from benchbox.mixture_law import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Model
    from benchbox.problem import Problem

Range = tuple[float, float]


class RestorationMetric(Metric):
    """A metric of samples that restore the truths of an inverse problem."""

    def check_problem(self, problem: Problem | None, model: Model) -> None:
        if problem is None:
            raise UsageError(f"metric {self.name} needs an inverse problem: give one, such as --problem inpaint.")


class SampleMetric(RestorationMetric):
    """A number of each sample by itself."""

    @abstractmethod
    def values(self, x: Tensor, index: Tensor, measurements: Measurements) -> Tensor:
        """The number of each sample, (n,)."""

    def start(self, context: Context) -> MeanOverMeasurements:
        assert context.measurements is not None
        values = partial(self.values, measurements=context.measurements)
        return MeanOverMeasurements(self.name, values, context.measurements)


class TruthMetric(SampleMetric):
    """A comparison of each sample, clipped to the range of the data, with its truth."""

    def check(self, model: Model) -> None:
        if model.data_range is None:
            raise UsageError(f"metric {self.name} needs data with a range, and those of model {model.title} have none.")

    @abstractmethod
    def compare(self, x: Tensor, truth: Tensor, data_range: Range) -> Tensor:
        """The number of each sample, (n,), for its truth."""

    def values(self, x: Tensor, index: Tensor, measurements: Measurements) -> Tensor:
        assert measurements.data_range is not None
        truth = measurements.truths[measurements.of(index)].double()
        return self.compare(x.double().clamp(*measurements.data_range), truth, measurements.data_range)


def require_images(metric: Metric, model: Model) -> None:
    """UsageError where a model makes no images."""
    if len(model.data_shape) != 3 or model.data_range is None:
        raise UsageError(f"metric {metric.name} compares images, and model {model.title} makes none.")


class MeanOverMeasurements(Accumulator):
    """The sum of a number per sample, and the number of samples, of each measurement.

    values: from samples (n, *shape) and their global numbers to (n,). error: the suffix of the standard error.
    """

    def __init__(
        self, name: str, values: Callable[[Tensor, Tensor], Tensor], measurements: Measurements, error: str = "_std"
    ) -> None:
        self.name, self.values, self.measurements, self.error = name, values, measurements, error
        self.total, self.count = np.zeros((2, len(measurements.y)))

    def update(self, batch: Tensor, index: Tensor) -> None:
        values = self.values(batch, index).double().cpu().numpy()
        number = self.measurements.of(index).cpu().numpy()
        np.add.at(self.total, number, values)
        np.add.at(self.count, number, 1)

    def merge(self, other: MeanOverMeasurements) -> None:
        self.total += other.total
        self.count += other.count

    def state(self) -> dict[str, NDArray[Any]]:
        return {"total": self.total, "count": self.count}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.total, self.count = state["total"].copy(), state["count"].copy()

    def compute(self) -> dict[str, float | str | None]:
        seen = self.count > 0
        return over_measurements(self.name, self.total[seen] / self.count[seen], self.error)


def over_measurements(name: str, values: FloatArray, error: str = "_std") -> dict[str, float | str | None]:
    """The mean of a value per measurement, and its standard error (None for one measurement)."""
    if not len(values):
        return {name: None, f"{name}{error}": None}
    spread = float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
    return {name: float(values.mean()), f"{name}{error}": spread}
