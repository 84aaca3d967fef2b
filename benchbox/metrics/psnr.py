"""The peak signal-to-noise ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.measurement import Measurements
from benchbox.metrics.restoration import RestorationMetric

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Model
    from benchbox.problem import Problem


@dataclass(frozen=True)
class PSNR(RestorationMetric):
    """10 log10(range²/MSE) in dB of each sample against its truth, clipped to the range of the data.

    The mean over the samples of a measurement, then over measurements; `psnr_std` is the standard error over
    measurements. A draw of the posterior has about 3 dB less than the posterior's mean.
    """

    name = "psnr"

    def check_problem(self, problem: Problem | None, model: Model) -> None:
        super().check_problem(problem, model)
        if model.data_range is None:
            raise UsageError(f"metric psnr needs data with a range, and those of model {model.title} have none.")

    def values(self, x: Tensor, index: Tensor, measurements: Measurements) -> Tensor:
        low, high = measurements.data_range or (0.0, 1.0)
        error = x.double().clamp(low, high) - measurements.truths[measurements.of(index)].double()
        return 10 * ((high - low) ** 2 / error.square().flatten(1).mean(1)).log10()
