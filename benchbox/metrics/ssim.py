"""Structural similarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.metrics.restoration import Range, TruthMetric, require_images
from benchbox.metrics.similarity import WINDOW, ssim, torchmetrics

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Model


@dataclass(frozen=True)
class SSIM(TruthMetric):
    """Structural similarity of each image with its truth (Wang et al. 2004), 1 for equal images, by torchmetrics.

    Images are clipped to the range of the data. The mean over the samples of a measurement, then over measurements;
    `ssim_std` is the standard error over measurements.
    """

    name = "ssim"

    def check(self, model: Model) -> None:
        require_images(self, model)
        torchmetrics()
        if min(model.data_shape[1:]) < WINDOW:
            raise UsageError(
                f"metric ssim has windows of {WINDOW} pixels: the images of model {model.title} are smaller."
            )

    def compare(self, x: Tensor, truth: Tensor, data_range: Range) -> Tensor:
        return ssim(x, truth, data_range)
