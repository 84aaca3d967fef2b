"""The continuous ranked probability score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.metrics.ensemble import EnsembleMetric
from benchbox.metrics.restoration import Range

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CRPS(EnsembleMetric):
    """The continuous ranked probability score of the samples for each number of the truth, in the data's units.

    It is least for the posterior's own marginals (Gneiting & Raftery 2007, eq. 21, with the sign turned). Samples are
    clipped to the range of the data, if there is one. The mean over the numbers of a truth, then over measurements;
    `crps_std` is the standard error over measurements. At least 2 samples per measurement.
    """

    name = "crps"

    def scores(self, x: Tensor, truth: Tensor, data_range: Range | None) -> dict[str, float]:
        return {"crps": float(crps(x.clamp(*data_range) if data_range else x, truth).mean())}


def crps(x: Tensor, truth: Tensor) -> Tensor:
    """E|X − x_0| − ½ E|X − X'| from n ≥ 2 draws x (n, d) and truths (d,), unbiased: the fair score (Ferro 2014).

    doi:10.1002/qj.2270. The second term is Σ_{i<j} |x_i − x_j|/(n(n − 1)), and the sum is Σ_k (2k − n − 1) x_(k) of
    the sorted draws.
    """
    import torch

    n = len(x)
    weights = 2 * torch.arange(1, n + 1, dtype=x.dtype, device=x.device) - n - 1
    pairs = weights @ x.sort(0).values
    return (x - truth).abs().mean(0) - pairs / (n * (n - 1))
