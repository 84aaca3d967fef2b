"""What the metrics share that compare features one by one with those of a data set."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.metric import Context
from benchbox.metrics.data import Columns
from benchbox.metrics.image_metric import ReferenceMetric, image_range
from benchbox.metrics.reference import Reference
from benchbox.metrics.stored import MOST_STORED, StoredFeatures
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ReferenceFeaturesMetric(ReferenceMetric):
    """A measure of the features of the samples numbered below `samples` against those that the reference holds."""

    samples: int = MOST_STORED

    def read(self, model: Model, vectors: bool = True) -> Reference:
        """The reference with its features. UsageError where it holds none."""
        found = super().read(model, vectors=True)
        if found.vectors is None:
            raise UsageError(
                f"metric {self.name} needs the features of the reference, and this one ({found.label}) holds none: "
                "make one with benchbox reference make IMAGES --keep 10000."
            )
        return found

    def start(self, context: Context) -> StoredFeatures:
        columns = partial(self.columns, reference=self.read(context.model))
        span = image_range(context.model)
        return StoredFeatures(self.extractor(context), self.name, span, self.samples, columns)

    @abstractmethod
    def columns(self, features: Tensor, reference: Reference) -> Columns:
        """Those of the features (n, dim)."""
