"""Blocks of the U-Nets of EDM (Karras et al. 2022, appendix F.2), with NVIDIA's names of the parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Resampling = Literal["up", "down"] | None


def fir(taps: Sequence[float]) -> Tensor:
    """The normalised separable filter of these taps, (1, 1, n, n)."""
    line = torch.tensor(taps, dtype=torch.float32)
    return (line[:, None] * line / line.sum() ** 2)[None, None]


def resample(x: Tensor, kernel: Tensor, way: Resampling, padding: int | None = None) -> Tensor:
    """Resampling by 2 or ½ with a filter on every channel (Karras et al. 2020, appendix B; Song et al. 2021, H.2)."""
    if way is None:
        return x
    c = x.shape[1]
    pad = (kernel.shape[-1] - 1) // 2 if padding is None else padding
    weight = kernel.to(x.dtype).expand(c, 1, -1, -1)
    if way == "up":
        return F.conv_transpose2d(x, 4 * weight, stride=2, padding=pad, groups=c)
    return F.conv2d(x, weight, stride=2, padding=pad, groups=c)


class Resample(nn.Module):
    """Resampling by 2 or ½ without a convolution."""

    resample_filter: Tensor

    def __init__(self, way: Resampling, taps: Sequence[float]) -> None:
        super().__init__()
        self.way: Resampling = way
        self.register_buffer("resample_filter", fir(taps))

    def forward(self, x: Tensor) -> Tensor:
        return resample(x, self.resample_filter, self.way)


class Conv(nn.Conv2d):
    """A convolution after resampling. `conv_first`: before it, with a common padding, which differs at the border."""

    resample_filter: Tensor

    def __init__(
        self, cin: int, cout: int, kernel: int, way: Resampling = None, taps: Sequence[float] = (1, 1),
        conv_first: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(cin, cout, kernel, padding=kernel // 2)
        self.way: Resampling = way
        self.conv_first = conv_first
        if way is not None:
            self.register_buffer("resample_filter", fir(taps))

    def forward(self, x: Tensor) -> Tensor:
        if self.way is None:
            return super().forward(x)
        if not self.conv_first:
            return super().forward(resample(x, self.resample_filter, self.way))
        wide = self.weight.shape[-1] // 2 + (self.resample_filter.shape[-1] - 1) // 2
        return resample(F.conv2d(x, self.weight, self.bias, padding=wide), self.resample_filter, self.way, 0)


def group_norm(channels: int, eps: float) -> nn.GroupNorm:
    return nn.GroupNorm(min(32, channels // 4), channels, eps)


class Block(nn.Module):
    """A residual block, with self-attention over the pixels if heads > 0.

    adaptive: the embedding is scale and shift of the second norm (Dhariwal & Nichol 2021); otherwise it is added (Song
    et al. 2021). shrink: factor of the sum of two branches. project: the skip path of a resampling block has a 1×1
    convolution even if the number of channels does not change.
    """

    def __init__(
        self, cin: int, cout: int, emb: int, *, way: Resampling = None, heads: int = 0, taps: Sequence[float] = (1, 1),
        adaptive: bool = False, project: bool = False, shrink: float = 1.0, eps: float = 1e-5,
    ) -> None:  # fmt: skip
        super().__init__()
        self.heads, self.adaptive, self.shrink = heads, adaptive, shrink
        self.norm0, self.conv0 = group_norm(cin, eps), Conv(cin, cout, 3, way, taps)
        self.affine = nn.Linear(emb, 2 * cout if adaptive else cout)
        self.norm1, self.conv1 = group_norm(cout, eps), Conv(cout, cout, 3)
        self.skip: nn.Module = nn.Identity()
        if cin != cout or (way and project):
            self.skip = Conv(cin, cout, 1, way, taps)
        elif way:
            self.skip = Resample(way, taps)
        if heads:
            self.norm2 = group_norm(cout, eps)
            self.qkv, self.proj = Conv(cout, 3 * cout, 1), Conv(cout, cout, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        h = self.conv0(F.silu(self.norm0(x)))
        e = self.affine(emb)[:, :, None, None]
        if self.adaptive:
            scale, shift = e.chunk(2, dim=1)
            h = self.norm1(h) * (scale + 1) + shift
        else:
            h = self.norm1(h + e)
        x = (self.skip(x) + self.conv1(F.silu(h))) * self.shrink
        return (x + self.proj(self.attention(x))) * self.shrink if self.heads else x

    def attention(self, x: Tensor) -> Tensor:
        b, c, height, width = x.shape
        # the channels are ordered by head, then by channel, then q, k, v
        q_k_v = self.qkv(self.norm2(x)).view(b, self.heads, c // self.heads, 3, height * width).unbind(3)
        q, k, v = (tensor.mT for tensor in q_k_v)
        return F.scaled_dot_product_attention(q, k, v).mT.reshape(x.shape)


def sinusoids(t: Tensor, width: int, last: bool) -> Tensor:
    """cos and sin of t at width/2 frequencies from 1 to 1/10,000, `last`: inclusive; (batch, width)."""
    half = width // 2
    powers = torch.arange(half, dtype=torch.float32, device=t.device) / (half - 1 if last else half)
    angles = t[:, None] * torch.exp(-math.log(1e4) * powers).to(t.dtype)
    return torch.cat([angles.cos(), angles.sin()], dim=1)
