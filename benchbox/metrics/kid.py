"""Kernel Inception Distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.metrics.data import Columns
from benchbox.metrics.image_metric import ReferenceFeaturesMetric
from benchbox.metrics.reference import Reference

if TYPE_CHECKING:
    from torch import Tensor

PAIRS = 2000
"""Most features of each side that are used to estimate the variance."""


@dataclass(frozen=True)
class KID(ReferenceFeaturesMetric):
    """Kernel Inception Distance (Bińkowski et al. 2018) of uint8 images, by torch-fidelity with its defaults.

    features, weights, weights_sha256, reference: as for `fid`; the reference must contain features. subsets,
    subset_size: KID is the mean over this many random subsets of this size. samples: the samples with smaller numbers
    are measured, and their features stored. Columns: `kid`; `kid_std`, the standard deviation over the subsets, as in
    torch-fidelity; `kid_se`, the standard error; `kid_features`, `kid_reference`; `kid_note` where there are too few
    samples.
    """

    name = "kid"
    subsets: int = 100
    subset_size: int = 1000

    def __post_init__(self) -> None:
        if min(self.subsets, self.samples) < 1 or self.subset_size < 2:
            raise ValueError("subsets and samples must be at least 1, subset_size at least 2.")

    def columns(self, features: Tensor, reference: Reference) -> Columns:
        import torch
        from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

        vectors, origin = reference.vectors, {"kid_reference": reference.label}
        assert vectors is not None
        fewest = min(len(features), len(vectors))
        if fewest < self.subset_size:
            note = f"{fewest:,} samples, {self.subset_size:,} needed for a subset"
            return {"kid": None, "kid_std": None, "kid_se": None, **origin, "kid_note": note}
        result = kid_features_to_metric(
            features, torch.from_numpy(vectors), kid_subsets=self.subsets, kid_subset_size=self.subset_size,
            verbose=False,
        )  # fmt: skip
        spread = result[KEY_METRIC_KID_STD]
        error = np.sqrt(variance(features.numpy(), vectors) + spread**2 / self.subsets)
        return {
            "kid": result[KEY_METRIC_KID_MEAN],
            "kid_std": spread,
            "kid_se": float(error),
            **origin,
            "kid_note": None,
        }


def variance(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Variance of the unbiased MMD² of features (n, dim) and (m, dim) with the cubic kernel: both terms of Hoeffding's
    decomposition (Sutherland et al. 2017, §A; Serfling 1980, §5.2), estimated from at most `PAIRS` of each side.

    The mean over random subsets has this variance plus the variance of the subsets given the features.
    """
    n, m = len(x), len(y)
    x, y = spread_out(x), spread_out(y)
    xx, yy, xy = cubic(x, x), cubic(y, y), cubic(x, y)
    degenerate_xx, degenerate_yy, degenerate_xy = within(xx), within(yy), centred(xy).var()
    first_x = np.var(row_means(xx) - xy.mean(1), ddof=1) - (degenerate_xx + degenerate_xy) / len(x)
    first_y = np.var(row_means(yy) - xy.mean(0), ddof=1) - (degenerate_yy + degenerate_xy) / len(y)
    first = 4 * (max(first_x, 0.0) / n + max(first_y, 0.0) / m)
    return float(first + 2 * degenerate_xx / n**2 + 2 * degenerate_yy / m**2 + 4 * degenerate_xy / (n * m))


def spread_out(x: NDArray[Any]) -> NDArray[np.float64]:
    """At most `PAIRS` rows, evenly spaced."""
    rows = np.linspace(0, len(x) - 1, min(PAIRS, len(x))).round().astype(int)
    return x[rows].astype(np.float64)


def cubic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel (x·y/dim + 1)³ of all pairs of rows."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def row_means(k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of the rows of a square matrix without its diagonal."""
    return (k.sum(1) - np.diagonal(k)) / (len(k) - 1)


def centred(k: NDArray[np.float64]) -> NDArray[np.float64]:
    return k - k.mean(1, keepdims=True) - k.mean(0, keepdims=True) + k.mean()


def within(k: NDArray[np.float64]) -> float:
    """Mean square of the centred kernel over pairs of different vectors."""
    means = row_means(k)
    residual = k - means[:, None] - means[None, :] + means.mean()
    return float(((residual**2).sum() - (np.diagonal(residual) ** 2).sum()) / (len(k) * (len(k) - 1)))
