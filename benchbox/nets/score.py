"""A network that predicts the score, kept well scaled at every noise level."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from benchbox.schedule import Schedule


class ScoreNet(nn.Module):
    """score(y, t) = −F(c_in y, t) / std(t): input and output of unit variance (NCSNv2; Song et al. 2021, app. H).

    std = s σ is tabulated in log at `points` times and interpolated linearly, which is exact on a geometric ladder.
    """

    log_std: Tensor
    log_scale: Tensor

    def __init__(self, net: nn.Module, schedule: Schedule, sigma_data: float, points: int = 1001) -> None:
        super().__init__()
        self.net, self.first, self.last = net, schedule.t_min, schedule.t_max
        t = np.linspace(self.first, self.last, points)
        s, sigma = np.asarray(schedule.scale(t)), np.asarray(schedule.sigma(t))
        tables = {"log_std": np.log(s * sigma), "log_scale": np.log(s) + 0.5 * np.log(sigma**2 + sigma_data**2)}
        for name, table in tables.items():
            self.register_buffer(name, torch.as_tensor(table, dtype=torch.float32), persistent=False)

    def _at(self, table: Tensor, t: Tensor) -> Tensor:
        where = ((t.float() - self.first) / (self.last - self.first)).clamp(0, 1) * (len(table) - 1)
        low = where.floor().long().clamp(max=len(table) - 2)
        return torch.lerp(table[low].float(), table[low + 1].float(), where - low)

    def forward(self, y: Tensor, t: Tensor, **conditions: Tensor) -> Tensor:
        log_std, log_scale = (
            self._at(table, t).view(-1, *[1] * (y.ndim - 1)).to(y.dtype) for table in (self.log_std, self.log_scale)
        )
        return -self.net(y * torch.exp(-log_scale), t, **conditions) * torch.exp(-log_std)
