"""Learned perceptual distance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchbox.metrics.restoration import Range, TruthMetric, require_images
from benchbox.metrics.similarity import LpipsNet, backbone, lpips, torchmetrics

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Model


@dataclass(frozen=True)
class LPIPS(TruthMetric):
    """The distance of each image to its truth in the features of a network (Zhang et al. 2018, v0.1), by torchmetrics.

    net: torchvision's `alex`, `vgg` or `squeeze`. weights, weights_sha256: the file of its weights and their expected
    SHA-256 (default: the file in torch's cache and the published SHA-256); nothing is downloaded. Grey becomes RGB, and
    images with a side below 64 are resized to 64×64. The mean over the samples of a measurement, then over
    measurements; `lpips_std` is the standard error over measurements.
    """

    name = "lpips"
    net: LpipsNet = "alex"
    weights: Path | None = None
    weights_sha256: str | None = None

    def check(self, model: Model) -> None:
        require_images(self, model)
        torchmetrics()
        backbone(self.net, self.weights, self.weights_sha256)

    def files(self, model: Model) -> dict[str, Path]:
        return {"weights": backbone(self.net, self.weights, self.weights_sha256)}

    def compare(self, x: Tensor, truth: Tensor, data_range: Range) -> Tensor:
        return lpips(x, truth, data_range, self.net, self.weights, self.weights_sha256)
