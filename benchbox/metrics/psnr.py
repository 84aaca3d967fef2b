"""The peak signal-to-noise ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.metrics.restoration import Range, TruthMetric
from benchbox.metrics.similarity import psnr

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PSNR(TruthMetric):
    """10 log10(range²/MSE) in dB of each sample against its truth, clipped to the range of the data.

    The mean over the samples of a measurement, then over measurements; `psnr_std` is the standard error over
    measurements. A draw of the posterior has about 3 dB less than the posterior's mean.
    """

    name = "psnr"

    def compare(self, x: Tensor, truth: Tensor, data_range: Range) -> Tensor:
        return psnr(x, truth, data_range)
