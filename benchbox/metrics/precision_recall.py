"""Precision and recall of the samples' manifold of features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.metrics.data import Columns
from benchbox.metrics.reference import Reference
from benchbox.metrics.reference_features import ReferenceFeaturesMetric

if TYPE_CHECKING:
    from torch import Tensor

PRC_COLUMNS = ("precision", "recall", "f_score")

LARGE = 10_000
"""Samples from which on distances are not held all at once."""


@dataclass(frozen=True)
class PrecisionRecall(ReferenceFeaturesMetric):
    """Precision, recall and F-score (Kynkäänniemi et al. 2019) of uint8 images, by torch-fidelity with its defaults.

    features, weights, weights_sha256, reference: as for `fid`; torch-fidelity's own default is `vgg16`. neighborhood:
    k of the k-nearest neighbours. samples: those numbered below it are measured, and their features kept. The reference
    must hold features. Columns `precision`, `recall`, `f_score`, `prc_features`, `prc_reference`.
    """

    name = "prc"
    aliases = ("precision-recall",)
    neighborhood: int = 3

    def __post_init__(self) -> None:
        if min(self.neighborhood, self.samples) < 1:
            raise ValueError("neighborhood and samples must be at least 1.")

    def columns(self, features: Tensor, reference: Reference) -> Columns:
        """Precision and recall of features (n, dim)."""
        import torch
        from torch_fidelity.metric_prc import prc_features_to_metric

        theirs, said = reference.vectors, {"prc_reference": reference.label}
        assert theirs is not None
        if (fewest := min(len(features), len(theirs))) <= self.neighborhood:
            note = f"{fewest:,} samples, {self.neighborhood + 1:,} needed"
            return dict.fromkeys(PRC_COLUMNS) | said | {"prc_note": note}
        found = prc_features_to_metric(
            features, torch.from_numpy(theirs), prc_neighborhood=self.neighborhood, verbose=False,
            save_cpu_ram=max(len(features), len(theirs)) > LARGE,
        )  # fmt: skip
        return {name: found[name] for name in PRC_COLUMNS} | said | {"prc_note": None}
