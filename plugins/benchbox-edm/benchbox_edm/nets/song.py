"""DDPM++ and NCSN++ (Song et al. 2021, appendix H) as EDM trains them: `SongUNet` in NVIDIA's files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbox_edm.nets.blocks import Block, Conv, group_norm, sinusoids

ROOT_HALF = math.sqrt(0.5)


class Fourier(nn.Module):
    """cos and sin of t at random frequencies, which are part of the weights; (batch, width)."""

    freqs: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("freqs", 16 * torch.randn(width // 2))

    def forward(self, t: Tensor) -> Tensor:
        angles = t[:, None] * (2 * math.pi * self.freqs).to(t.dtype)
        return torch.cat([angles.cos(), angles.sin()], dim=1)


class SongUNet(nn.Module):
    """F(y; c_noise, label): y (batch, channels, size, size), c_noise (batch,), label one-hot (batch, classes).

    DDPM++ has positional embedding and the standard encoder; NCSN++ Fourier features of twice the width, the residual
    encoder, which adds the image itself to every level, and the filter (1, 3, 3, 1). Options are NVIDIA's.
    """

    def __init__(
        self,
        img_resolution: int,
        in_channels: int,
        out_channels: int,
        label_dim: int = 0,
        *,
        model_channels: int = 128,
        channel_mult: Sequence[int] = (1, 2, 2, 2),
        channel_mult_emb: int = 4,
        num_blocks: int = 4,
        attn_resolutions: Sequence[int] = (16,),
        embedding_type: Literal["positional", "fourier"] = "positional",
        channel_mult_noise: int = 1,
        encoder_type: Literal["standard", "residual"] = "standard",
        decoder_type: Literal["standard"] = "standard",
        resample_filter: Sequence[float] = (1, 1),
    ) -> None:
        super().__init__()
        if encoder_type not in ("standard", "residual") or decoder_type != "standard":
            raise TypeError(f"encoder_type={encoder_type}, decoder_type={decoder_type}")
        emb, self.noise = model_channels * channel_mult_emb, model_channels * channel_mult_noise
        self.map_noise = Fourier(self.noise) if embedding_type == "fourier" else None
        self.map_label = nn.Linear(label_dim, self.noise) if label_dim else None
        self.map_layer0, self.map_layer1 = nn.Linear(self.noise, emb), nn.Linear(emb, emb)

        def block(cin: int, cout: int, way: Literal["up", "down"] | None = None, heads: int = 0) -> Block:
            return Block(
                cin, cout, emb, way=way, heads=heads, taps=resample_filter, project=True, shrink=ROOT_HALF, eps=1e-6
            )

        self.enc, self.dec = nn.ModuleDict(), nn.ModuleDict()
        width, image, skips = model_channels, in_channels, [model_channels]
        for level, factor in enumerate(channel_mult):
            size = img_resolution >> level
            if level == 0:
                self.enc[f"{size}x{size}_conv"] = Conv(in_channels, width, 3)
            else:
                self.enc[f"{size}x{size}_down"] = block(width, width, "down")
                if encoder_type == "residual":
                    aux = Conv(image, width, 3, "down", resample_filter, conv_first=True)
                    self.enc[f"{size}x{size}_aux_residual"], image = aux, width
                skips.append(width)
            for i in range(num_blocks):
                cin, width = width, model_channels * factor
                self.enc[f"{size}x{size}_block{i}"] = block(cin, width, heads=int(size in attn_resolutions))
                skips.append(width)
        for level, factor in reversed(list(enumerate(channel_mult))):
            size = img_resolution >> level
            if level == len(channel_mult) - 1:
                self.dec[f"{size}x{size}_in0"] = block(width, width, heads=1)
                self.dec[f"{size}x{size}_in1"] = block(width, width)
            else:
                self.dec[f"{size}x{size}_up"] = block(width, width, "up")
            for i in range(num_blocks + 1):
                cin, width = width + skips.pop(), model_channels * factor
                attends = i == num_blocks and size in attn_resolutions
                self.dec[f"{size}x{size}_block{i}"] = block(cin, width, heads=int(attends))
        self.dec[f"{size}x{size}_aux_norm"] = group_norm(width, 1e-6)
        self.dec[f"{size}x{size}_aux_conv"] = Conv(width, out_channels, 3)

    def embedding(self, c_noise: Tensor, label: Tensor | None) -> Tensor:
        """Of the noise level and the class."""
        waves = sinusoids(c_noise, self.noise, last=True) if self.map_noise is None else self.map_noise(c_noise)
        emb = waves.roll(self.noise // 2, dims=1)  # sin before cos
        if self.map_label is not None and label is not None:
            emb = emb + self.map_label(label * math.sqrt(label.shape[1]))
        return F.silu(self.map_layer1(F.silu(self.map_layer0(emb))))

    def forward(self, y: Tensor, c_noise: Tensor, label: Tensor | None = None) -> Tensor:
        emb, h, image = self.embedding(c_noise, label), y, y
        skips: list[Tensor] = []
        for name, layer in self.enc.items():
            if name.endswith("aux_residual"):
                h = image = skips[-1] = (h + layer(image)) * ROOT_HALF
                continue
            h = layer(h) if name.endswith("conv") else layer(h, emb)
            skips.append(h)
        *blocks, norm, last = self.dec.items()
        for name, layer in blocks:
            h = layer(torch.cat([h, skips.pop()], dim=1) if "block" in name else h, emb)
        return last[1](F.silu(norm[1](h)))
