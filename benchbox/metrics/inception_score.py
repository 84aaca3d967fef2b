"""Inception Score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.metric import Context
from benchbox.metrics.data import Columns
from benchbox.metrics.image_metric import ImageMetric, image_range
from benchbox.metrics.stored import MOST_STORED, StoredFeatures

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class InceptionScore(ImageMetric):
    """Inception Score (Salimans et al. 2016) of uint8 images, by torch-fidelity with its defaults.

    features, weights, weights_sha256: as for `fid`. splits: the score is the mean over this many parts of the samples.
    samples: the samples with smaller numbers are measured, and their logits stored. Columns: `isc`; `isc_std`, the
    standard deviation over the splits; `isc_features`.
    """

    name = "isc"
    aliases = ("inception-score",)
    splits: int = 10
    samples: int = MOST_STORED

    def __post_init__(self) -> None:
        if min(self.splits, self.samples) < 1:
            raise ValueError("splits and samples must be at least 1.")

    def start(self, context: Context) -> StoredFeatures:
        data_range = image_range(context.model)
        return StoredFeatures(self.extractor(context), self.name, data_range, self.samples, self.columns)

    def columns(self, logits: Tensor) -> Columns:
        """The columns for logits (n, classes)."""
        from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

        if len(logits) < self.splits:
            return {"isc": None, "isc_std": None}
        result = isc_features_to_metric(logits, self.splits)
        return {"isc": result[KEY_METRIC_ISC_MEAN], "isc_std": result[KEY_METRIC_ISC_STD]}
