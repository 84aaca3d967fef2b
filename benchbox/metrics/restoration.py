"""Metrics of restored samples: a number per sample, averaged over the samples of each measurement, then over these."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.gaussians import FloatArray
from benchbox.measurement import Measurements
from benchbox.metric import Accumulator, Context, Metric

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Model
    from benchbox.problem import Problem


class RestorationMetric(Metric):
    """A metric of samples that restore the truths of an inverse problem."""

    def check_problem(self, problem: Problem | None, model: Model) -> None:
        if problem is None:
            raise UsageError(f"metric {self.name} needs an inverse problem: give one, such as --problem inpaint.")

    @abstractmethod
    def values(self, x: Tensor, index: Tensor, measurements: Measurements) -> Tensor:
        """The number of each sample, (n,)."""

    def start(self, context: Context) -> Restored:
        assert context.measurements is not None
        return Restored(self, context.measurements)


class Restored(Accumulator):
    """The sum of the values and the number of samples of each measurement."""

    def __init__(self, metric: RestorationMetric, measurements: Measurements) -> None:
        self.metric, self.measurements = metric, measurements
        self.total, self.count = np.zeros((2, len(measurements.y)))

    def update(self, batch: Tensor, index: Tensor) -> None:
        values = self.metric.values(batch, index, self.measurements).double().cpu().numpy()
        number = self.measurements.of(index).cpu().numpy()
        np.add.at(self.total, number, values)
        np.add.at(self.count, number, 1)

    def merge(self, other: Restored) -> None:
        self.total += other.total
        self.count += other.count

    def state(self) -> dict[str, NDArray[Any]]:
        return {"total": self.total, "count": self.count}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.total, self.count = state["total"].copy(), state["count"].copy()

    def compute(self) -> dict[str, float | str | None]:
        seen = self.count > 0
        return over_measurements(self.metric.name, self.total[seen] / self.count[seen])


def over_measurements(name: str, values: FloatArray) -> dict[str, float | str | None]:
    """The mean of a value per measurement, and its standard error (None for one measurement)."""
    if not len(values):
        return {name: None, f"{name}_std": None}
    error = float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
    return {name: float(values.mean()), f"{name}_std": error}
