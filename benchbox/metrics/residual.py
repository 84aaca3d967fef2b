"""How far samples are from what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.measurement import Measurements
from benchbox.metrics.restoration import SampleMetric

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Model
    from benchbox.problem import Problem


@dataclass(frozen=True)
class Residual(SampleMetric):
    """‖y − A x‖²/(m σ_y²) of each sample, m the measured numbers: 1 on average for the truths.

    The mean over the samples of a measurement, then over measurements; `residual_std` is the standard error over
    measurements.
    """

    name = "residual"

    def check_problem(self, problem: Problem | None, model: Model) -> None:
        super().check_problem(problem, model)
        if problem is not None and problem.sigma_y == 0:
            raise UsageError("metric residual is relative to the noise: it needs sigma_y above 0.")

    def values(self, x: Tensor, index: Tensor, measurements: Measurements) -> Tensor:
        measurement = measurements.at(index)
        squares = measurement.residual(x.double()).square().flatten(1).sum(1)
        return squares / (measurements.measured * measurement.sigma_y**2)
