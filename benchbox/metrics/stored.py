"""Features of samples that are stored, for metrics that need more than their moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.metric import Accumulator
from benchbox.metrics.chunks import Chunks
from benchbox.metrics.data import Columns

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.metrics.features import Extractor

MOST_STORED = 50_000
"""Default number of samples whose features are stored."""


class StoredFeatures(Accumulator):
    """The float32 features of the samples with numbers below `limit`. Memory: at most limit × dim × 4 bytes."""

    def __init__(
        self,
        extract: Extractor,
        metric: str,
        data_range: tuple[float, float],
        limit: int,
        columns: Callable[[Tensor], Columns],
    ) -> None:
        """metric: its layer of the extractor is stored (`benchbox.metrics.features.METRICS`).

        columns: computes the columns from features (n, dim) in the order of the samples' numbers.
        """
        self.chunks = Chunks(extract, metric, data_range, self.take)
        self.limit, self.columns = limit, columns
        self.parts: list[NDArray[np.float32]] = []
        self.index: list[NDArray[np.int64]] = []

    def update(self, batch: Tensor, index: Tensor) -> None:
        if bool((index < self.limit).any()):
            self.chunks.update(batch, index)

    def take(self, features: NDArray[np.float32], index: NDArray[Any]) -> None:
        """Add features (n, dim) of the samples with these numbers."""
        keep = index < self.limit
        self.parts.append(features[keep])
        self.index.append(index[keep])

    def merge(self, other: StoredFeatures) -> None:
        for accumulator in (self, other):
            accumulator.chunks.flush()
        self.parts += other.parts
        self.index += other.index

    def state(self) -> dict[str, NDArray[Any]]:
        self.chunks.flush()
        if not self.parts:
            return {"features": np.empty((0, 0), np.float32), "index": np.empty(0, np.int64)}
        return {"features": np.concatenate(self.parts), "index": np.concatenate(self.index)}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.parts, self.index = ([state["features"]], [state["index"]]) if len(state["index"]) else ([], [])

    def compute(self) -> Columns:
        import torch

        state = self.state()
        features = state["features"][np.argsort(state["index"])]
        extractor = {f"{self.chunks.metric}_features": self.chunks.extract.name}
        return self.columns(torch.from_numpy(features)) | extractor
