"""Precision and recall of the samples in feature space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.metrics.data import Columns
from benchbox.metrics.image_metric import ReferenceFeaturesMetric
from benchbox.metrics.reference import Reference

if TYPE_CHECKING:
    from torch import Tensor

PRC_COLUMNS = ("precision", "recall", "f_score")

LARGE = 10_000
"""Samples above which the matrix of distances is computed in parts."""


@dataclass(frozen=True)
class PrecisionRecall(ReferenceFeaturesMetric):
    """Precision, recall and F-score (Kynkäänniemi et al. 2019) of uint8 images, by torch-fidelity with its defaults.

    features, weights, weights_sha256, reference: as for `fid`; torch-fidelity's default features are `vgg16`; the
    reference must contain features. neighborhood: k of the k nearest neighbours. samples: the samples with smaller
    numbers are measured, and their features stored. Columns: `precision`, `recall`, `f_score`, `prc_features`,
    `prc_reference`; `prc_note` where there are too few samples.
    """

    name = "prc"
    aliases = ("precision-recall",)
    neighborhood: int = 3

    def __post_init__(self) -> None:
        if min(self.neighborhood, self.samples) < 1:
            raise ValueError("neighborhood and samples must be at least 1.")

    def columns(self, features: Tensor, reference: Reference) -> Columns:
        import torch
        from torch_fidelity.metric_prc import prc_features_to_metric

        vectors, origin = reference.vectors, {"prc_reference": reference.label}
        assert vectors is not None
        if (fewest := min(len(features), len(vectors))) <= self.neighborhood:
            note = f"{fewest:,} samples, {self.neighborhood + 1:,} needed"
            return dict.fromkeys(PRC_COLUMNS) | origin | {"prc_note": note}
        result = prc_features_to_metric(
            features, torch.from_numpy(vectors), prc_neighborhood=self.neighborhood, verbose=False,
            save_cpu_ram=max(len(features), len(vectors)) > LARGE,
        )  # fmt: skip
        return {name: result[name] for name in PRC_COLUMNS} | origin | {"prc_note": None}
