"""The network inside a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from benchbox import Schedule


class Unet(nn.Module):
    """callable(y, t): diffusers' U-Net, asked at the training step t; for a Score-SDE, at σ of the schedule's t."""

    def __init__(self, net: Any, asked_at_sigma: Schedule | None) -> None:
        super().__init__()
        self.net, self.asked_at_sigma = net, asked_at_sigma

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        if self.asked_at_sigma is not None:
            # one level for the whole batch
            t = torch.full_like(t, float(self.asked_at_sigma.sigma(float(t[0]))))
        out: Tensor = self.net(y, t, return_dict=False)[0]
        return out[:, : y.shape[1]]  # a learned variance comes after the mean
