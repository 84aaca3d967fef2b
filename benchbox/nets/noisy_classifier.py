"""A small classifier of noisy images: the encoder of the U-Net, and a linear layer on the mean of its last map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbox.nets.unet import Attention, ResBlock, TimeEmbedding
from benchbox.prediction import edm_coefficients


class NoisyClassifier(nn.Module):
    """log p(c | x) of x = x_0 + σ n at every level (Dhariwal & Nichol 2021, arXiv:2105.05233, §4).

    x (batch, channels, height, width) in canonical coordinates, sigma (batch,); returns (batch, classes). Input and
    time are scaled as EDM scales them, c_in x and ¼ ln σ. The logits are scaled by σ_data/√(σ²+σ_data²): log-odds of
    classes fall as 1/σ, and so the guidance σ² ∇ log p(c | x) keeps its size at high noise.
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 10,
        widths: Sequence[int] = (32, 64),
        blocks: int = 1,
        patch: int = 2,
        sigma_data: float = 0.5,
        heads: int = 2,
    ) -> None:
        super().__init__()
        self.sigma_data, emb = sigma_data, 4 * widths[0]
        self.time = TimeEmbedding(2 * widths[0], emb, time_scale=250.0)
        self.stem = nn.Sequential(nn.PixelUnshuffle(patch), nn.Conv2d(channels * patch**2, widths[0], 3, padding=1))
        self.down, width = nn.ModuleList(), widths[0]
        for level, w in enumerate(widths):
            if level:
                self.down.append(nn.Conv2d(width, w, 3, stride=2, padding=1))
            self.down.extend(ResBlock(w, w, emb) for _ in range(blocks))
            width = w
        self.attention = Attention(width, heads)
        self.norm, self.logits = nn.GroupNorm(8, width), nn.Linear(width, classes)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        column = sigma.view(-1, 1, 1, 1)
        emb, h = self.time(sigma.log() / 4), self.stem(x * edm_coefficients(column, self.sigma_data)[2])
        for layer in self.down:
            h = layer(h, emb) if isinstance(layer, ResBlock) else layer(h)
        h = F.silu(self.norm(self.attention(h))).mean((2, 3))
        scale = self.sigma_data * torch.rsqrt(sigma**2 + self.sigma_data**2)
        return (self.logits(h).float() * scale[:, None]).log_softmax(1)
