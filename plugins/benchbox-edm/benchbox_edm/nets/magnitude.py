"""Magnitude-preserving layers (Karras et al. 2024, EDM2), with NVIDIA's names of the parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbox_edm.nets.blocks import Resampling, fir, resample


def unit(x: Tensor, dim: list[int]) -> Tensor:
    """x with a root mean square of 1 along dim (eq. 47; pixel norm, eq. 30)."""
    return x / (x.square().mean(dim, keepdim=True).sqrt() + 1e-4)


def mp_silu(x: Tensor) -> Tensor:
    """Magnitude-preserving SiLU (eq. 81)."""
    return F.silu(x) / 0.596


def mp_sum(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Magnitude-preserving weighted sum (eq. 88)."""
    return a.lerp(b, t) / math.hypot(1 - t, t)


def mp_cat(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Magnitude-preserving weighted concatenation of channels (eq. 103)."""
    na, nb = a.shape[1], b.shape[1]
    c = math.sqrt(na + nb) / math.hypot(1 - t, t)
    return torch.cat([a * (c * (1 - t) / math.sqrt(na)), b * (c * t / math.sqrt(nb))], dim=1)


class MPFourier(nn.Module):
    """Cosines at frequencies and phases that are part of the weights (eq. 75); (batch,) to (batch, width)."""

    freqs: Tensor
    phases: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("freqs", 2 * math.pi * torch.randn(width))
        self.register_buffer("phases", 2 * math.pi * torch.rand(width))

    def forward(self, t: Tensor) -> Tensor:
        return math.sqrt(2) * (t[:, None] * self.freqs + self.phases).cos()


class MPConv(nn.Module):
    """A convolution (a matrix where kernel is 0) with filters normalised to magnitude 1 (eq. 47, 66)."""

    def __init__(self, cin: int, cout: int, kernel: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(cout, cin, *[kernel] * (2 if kernel else 0)))

    def forward(self, x: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        dims = list(range(1, self.weight.ndim))
        w = unit(self.weight, dims) * (gain / math.sqrt(self.weight[0].numel()))
        return x @ w.mT if w.ndim == 2 else F.conv2d(x, w, padding=w.shape[-1] // 2)


class MPBlock(nn.Module):
    """Encoder or decoder block, with self-attention where `attends` (figure 21)."""

    kernel: Tensor

    def __init__(
        self, cin: int, cout: int, emb: int, *, decoder: bool, way: Resampling = None, attends: bool = False,
        channels_per_head: int = 64, resample_filter: Sequence[float] = (1, 1), res_balance: float = 0.3,
        attn_balance: float = 0.3, clip_act: float | None = 256,
    ) -> None:  # fmt: skip
        super().__init__()
        self.decoder, self.res_balance, self.attn_balance, self.clip = decoder, res_balance, attn_balance, clip_act
        self.way: Resampling = way
        self.heads = cout // channels_per_head if attends else 0
        self.register_buffer("kernel", fir(resample_filter), persistent=False)
        self.emb_gain = nn.Parameter(torch.zeros(()))
        self.conv_res0, self.conv_res1 = MPConv(cin if decoder else cout, cout, 3), MPConv(cout, cout, 3)
        self.emb_linear = MPConv(emb, cout)
        self.conv_skip = MPConv(cin, cout, 1) if cin != cout else nn.Identity()
        if self.heads:
            self.attn_qkv, self.attn_proj = MPConv(cout, 3 * cout, 1), MPConv(cout, cout, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        x = resample(x, self.kernel, self.way)
        if not self.decoder:
            x = unit(self.conv_skip(x), [1])
        scale = self.emb_linear(emb, self.emb_gain)[:, :, None, None] + 1
        h = self.conv_res1(mp_silu(self.conv_res0(mp_silu(x)) * scale))
        x = mp_sum(self.conv_skip(x) if self.decoder else x, h, self.res_balance)
        if self.heads:
            x = mp_sum(x, self.attn_proj(self.attention(x)), self.attn_balance)
        return x if self.clip is None else x.clamp(-self.clip, self.clip)

    def attention(self, x: Tensor) -> Tensor:
        b, c, height, width = x.shape
        q_k_v = self.attn_qkv(x).view(b, self.heads, c // self.heads, 3, height * width)
        q, k, v = (tensor.mT for tensor in unit(q_k_v, [2]).unbind(3))
        return F.scaled_dot_product_attention(q, k, v).mT.reshape(x.shape)
