"""The energy distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.metric import Context
from benchbox.metrics.two_sample import Between, TwoSample

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Energy(Between):
    """Energy distance 2 E‖X−Y‖ − E‖X−X'‖ − E‖Y−Y'‖ (Székely & Rizzo 2013) of the first `samples` samples X to as many
    exact draws Y of the data, drawn with `reference_seed`.

    The estimate is unbiased, so it may be negative; `energy_std` is its standard error. Some texts call the square root
    the energy distance. Memory: `samples` float32 samples.
    """

    name = "energy"

    def start(self, context: Context) -> TwoSample:
        return TwoSample("energy", context.model, self.samples, self.reference_seed, negative_distance)


def negative_distance(x: Tensor, y: Tensor) -> Tensor:
    """−‖x_i − y_j‖, (n, m): the kernel whose squared distance is the energy distance (Sejdinovic et al. 2013)."""
    import torch

    return -torch.cdist(x, y)
