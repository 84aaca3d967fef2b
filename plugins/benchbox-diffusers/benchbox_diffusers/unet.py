"""The network inside a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from benchbox import Schedule


class Unet(nn.Module):
    """callable(y, t): diffusers' U-Net at the training step t, or at σ(t) of a schedule for a Score-SDE."""

    def __init__(self, net: Any, sigma_schedule: Schedule | None) -> None:
        super().__init__()
        self.net, self.sigma_schedule = net, sigma_schedule

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        if self.sigma_schedule is not None:
            # the batch has one level
            t = torch.full_like(t, float(self.sigma_schedule.sigma(float(t[0]))))
        out: Tensor = self.net(y, t, return_dict=False)[0]
        return out[:, : y.shape[1]]  # a learned variance comes after the mean
