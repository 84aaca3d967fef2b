"""EDM2's magnitude-preserving U-Net (Karras et al. 2024, configuration G): `UNet` in NVIDIA's files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchbox_edm.nets.blocks import Resampling
from benchbox_edm.nets.magnitude import MPBlock, MPConv, MPFourier, mp_cat, mp_silu, mp_sum


class UNet(nn.Module):
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
        channel_mult_noise: int | None = None,
        channel_mult_emb: int | None = None,
        num_blocks: int = 3,
        attn_resolutions: Sequence[int] = (16, 8),
        label_balance: float = 0.5,
        concat_balance: float = 0.5,
        **of_blocks: Any,
    ) -> None:
        super().__init__()
        widths = [model_channels * factor for factor in channel_mult]
        noise = model_channels * channel_mult_noise if channel_mult_noise else widths[0]
        emb = model_channels * channel_mult_emb if channel_mult_emb else max(widths)
        self.label_balance, self.concat_balance = label_balance, concat_balance
        self.out_gain = nn.Parameter(torch.zeros(()))
        self.emb_fourier, self.emb_noise = MPFourier(noise), MPConv(noise, emb)
        self.emb_label = MPConv(label_dim, emb) if label_dim else None

        def block(cin: int, cout: int, size: int = 0, *, decoder: bool, way: Resampling = None) -> MPBlock:
            return MPBlock(cin, cout, emb, decoder=decoder, way=way, attends=size in attn_resolutions, **of_blocks)

        self.enc, self.dec = nn.ModuleDict(), nn.ModuleDict()
        width = widths[0]
        skips = [width]
        for level, wide in enumerate(widths):
            size = img_resolution >> level
            if level == 0:
                self.enc[f"{size}x{size}_conv"] = MPConv(in_channels + 1, width, 3)
            else:
                self.enc[f"{size}x{size}_down"] = block(width, width, decoder=False, way="down")
                skips.append(width)
            for i in range(num_blocks):
                self.enc[f"{size}x{size}_block{i}"] = block(width, wide, size, decoder=False)
                width = wide
                skips.append(width)
        for level, wide in reversed(list(enumerate(widths))):
            size = img_resolution >> level
            if level == len(widths) - 1:
                self.dec[f"{size}x{size}_in0"] = MPBlock(width, width, emb, decoder=True, attends=True, **of_blocks)
                self.dec[f"{size}x{size}_in1"] = block(width, width, decoder=True)
            else:
                self.dec[f"{size}x{size}_up"] = block(width, width, decoder=True, way="up")
            for i in range(num_blocks + 1):
                self.dec[f"{size}x{size}_block{i}"] = block(width + skips.pop(), wide, size, decoder=True)
                width = wide
        self.out_conv = MPConv(width, out_channels, 3)

    def forward(self, y: Tensor, c_noise: Tensor, label: Tensor | None = None) -> Tensor:
        emb = self.emb_noise(self.emb_fourier(c_noise))
        if self.emb_label is not None and label is not None:
            emb = mp_sum(emb, self.emb_label(label * math.sqrt(label.shape[1])), self.label_balance)
        emb, skips = mp_silu(emb), []
        h = torch.cat([y, torch.ones_like(y[:, :1])], dim=1)  # a channel of ones in place of biases
        for name, layer in self.enc.items():
            h = layer(h) if name.endswith("conv") else layer(h, emb)
            skips.append(h)
        for name, layer in self.dec.items():
            h = layer(mp_cat(h, skips.pop(), self.concat_balance) if "block" in name else h, emb)
        return self.out_conv(h, self.out_gain)
