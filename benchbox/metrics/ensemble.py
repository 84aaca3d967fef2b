"""Base class of the metrics that compare the truth of a measurement with all of its samples together."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from benchbox.measurement import Measurements
from benchbox.metric import Context
from benchbox.metrics.restoration import Range, RestorationMetric, over_measurements
from benchbox.metrics.vectors import StoredVectors

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class EnsembleMetric(RestorationMetric):
    """samples: of each measurement, at most, and at least 2. Memory: these samples, in float32."""

    samples: int = 100

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise ValueError("samples must be at least 2.")

    @abstractmethod
    def scores(self, x: Tensor, truth: Tensor, data_range: Range | None) -> dict[str, float]:
        """The columns of one measurement, from n ≥ 2 samples (n, d) and its truth (d,); nan: not defined."""

    def start(self, context: Context) -> Ensembles:
        assert context.measurements is not None
        return Ensembles(self, context.measurements)


class Ensembles(StoredVectors):
    """Stores the first samples of each measurement."""

    def __init__(self, metric: EnsembleMetric, measurements: Measurements) -> None:
        super().__init__(prod(measurements.truths.shape[1:]), metric.samples * len(measurements.y))
        self.metric, self.measurements = metric, measurements

    def compute(self) -> dict[str, float | str | None]:
        import torch

        state, truths = self.state(), self.measurements.truths.flatten(1).float().cpu()
        samples, number = torch.from_numpy(state["samples"]), state["index"] % len(truths)
        scores = []
        for j, truth in enumerate(truths):
            x = samples[torch.from_numpy(np.flatnonzero(number == j))]
            # one sample alone has no score, and still names the columns
            x = x if len(x) > 1 else torch.full((2, len(truth)), torch.nan)
            scores.append(self.metric.scores(x.double(), truth.double(), self.measurements.data_range))
        columns: dict[str, float | str | None] = {}
        for name in scores[0]:
            values = np.array([score[name] for score in scores])
            columns |= over_measurements(name, values[~np.isnan(values)])
        return columns
