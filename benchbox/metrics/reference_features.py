"""Base class of the metrics that compare individual features with those of a data set."""

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
    """A metric on the features of the samples with numbers below `samples` and the features in the reference."""

    samples: int = MOST_STORED

    def read(self, model: Model, vectors: bool = True) -> Reference:
        """The reference with its features. UsageError where it contains none."""
        reference = super().read(model, vectors=True)
        if reference.vectors is None:
            raise UsageError(
                f"metric {self.name} needs a reference with features, and this one ({reference.label}) has none: "
                "create one with benchbox reference make IMAGES --keep 10000."
            )
        return reference

    def start(self, context: Context) -> StoredFeatures:
        columns = partial(self.columns, reference=self.read(context.model))
        data_range = image_range(context.model)
        return StoredFeatures(self.extractor(context), self.name, data_range, self.samples, columns)

    @abstractmethod
    def columns(self, features: Tensor, reference: Reference) -> Columns:
        """The columns for features (n, dim)."""
