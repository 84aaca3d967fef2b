"""ADM (Dhariwal & Nichol 2021) as EDM trains it: `DhariwalUNet` in NVIDIA's files, their network of ImageNet-64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbox_edm.nets.blocks import Block, Conv, group_norm, sinusoids

HEAD = 64
"""Channels of an attention head."""


class DhariwalUNet(nn.Module):
    """F(y; c_noise, label): y (batch, channels, size, size), c_noise (batch,), label one-hot (batch, classes)."""

    def __init__(
        self,
        img_resolution: int,
        in_channels: int,
        out_channels: int,
        label_dim: int = 0,
        *,
        model_channels: int = 192,
        channel_mult: Sequence[int] = (1, 2, 3, 4),
        channel_mult_emb: int = 4,
        num_blocks: int = 3,
        attn_resolutions: Sequence[int] = (32, 16, 8),
    ) -> None:
        super().__init__()
        emb, self.noise = model_channels * channel_mult_emb, model_channels
        self.map_layer0, self.map_layer1 = nn.Linear(self.noise, emb), nn.Linear(emb, emb)
        self.map_label = nn.Linear(label_dim, emb, bias=False) if label_dim else None

        def block(cin: int, cout: int, way: Literal["up", "down"] | None = None, attends: bool = False) -> Block:
            return Block(cin, cout, emb, way=way, heads=cout // HEAD if attends else 0, adaptive=True)

        self.enc, self.dec = nn.ModuleDict(), nn.ModuleDict()
        width = model_channels * channel_mult[0]
        skips = [width]
        for level, factor in enumerate(channel_mult):
            size = img_resolution >> level
            if level == 0:
                self.enc[f"{size}x{size}_conv"] = Conv(in_channels, width, 3)
            else:
                self.enc[f"{size}x{size}_down"] = block(width, width, "down")
                skips.append(width)
            for i in range(num_blocks):
                cin, width = width, model_channels * factor
                self.enc[f"{size}x{size}_block{i}"] = block(cin, width, attends=size in attn_resolutions)
                skips.append(width)
        for level, factor in reversed(list(enumerate(channel_mult))):
            size = img_resolution >> level
            if level == len(channel_mult) - 1:
                self.dec[f"{size}x{size}_in0"] = block(width, width, attends=True)
                self.dec[f"{size}x{size}_in1"] = block(width, width)
            else:
                self.dec[f"{size}x{size}_up"] = block(width, width, "up")
            for i in range(num_blocks + 1):
                cin, width = width + skips.pop(), model_channels * factor
                self.dec[f"{size}x{size}_block{i}"] = block(cin, width, attends=size in attn_resolutions)
        self.out_norm, self.out_conv = group_norm(width, 1e-5), Conv(width, out_channels, 3)

    def forward(self, y: Tensor, c_noise: Tensor, label: Tensor | None = None) -> Tensor:
        emb = self.map_layer1(F.silu(self.map_layer0(sinusoids(c_noise, self.noise, last=False))))
        if self.map_label is not None and label is not None:
            emb = emb + self.map_label(label)
        emb, h, skips = F.silu(emb), y, []
        for name, layer in self.enc.items():
            h = layer(h) if name.endswith("conv") else layer(h, emb)
            skips.append(h)
        for name, layer in self.dec.items():
            h = layer(torch.cat([h, skips.pop()], dim=1) if "block" in name else h, emb)
        return self.out_conv(F.silu(self.out_norm(h)))
