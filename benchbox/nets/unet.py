"""One small U-Net, sized for a CPU: it works on 2×2 patches, so a 28×28 image is a 14×14 map inside."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TimeEmbedding(nn.Module):
    """Sinusoids of the network's time, then a two-layer perceptron (Vaswani et al. 2017; Ho et al. 2020, app. B)."""

    def __init__(self, width: int, out: int, time_scale: float) -> None:
        super().__init__()
        self.width, self.time_scale = width, time_scale
        self.mlp = nn.Sequential(nn.Linear(width, out), nn.SiLU(), nn.Linear(out, out), nn.SiLU())

    def forward(self, t: Tensor) -> Tensor:
        half = self.width // 2  # computed where t is: a copy to a GPU would wait for it
        exponents = torch.arange(half, dtype=torch.float64, device=t.device) * (-math.log(1e4)) / half
        angles = t.float()[:, None] * (exponents.exp() * self.time_scale).float()
        return self.mlp(torch.cat([angles.cos(), angles.sin()], dim=1).to(self.mlp.get_parameter("0.weight").dtype))


class ResBlock(nn.Module):
    """Two 3×3 convolutions with group normalisation; the time enters as a scale and a shift between them."""

    def __init__(self, cin: int, cout: int, emb: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, cin), nn.Conv2d(cin, cout, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, cout), nn.Conv2d(cout, cout, 3, padding=1)
        self.affine = nn.Linear(emb, 2 * cout)
        self.skip = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.affine(emb)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.norm2(h), 1 + scale)
        return self.skip(x) + self.conv2(F.silu(h))


class Attention(nn.Module):
    """Self-attention over the pixels of a map."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.qkv = nn.GroupNorm(8, channels), nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, 3, self.heads, c // self.heads, h * w).transpose(-1, -2).unbind(1)
        a = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(b, c, h, w)
        return x + self.out(a)


class UNet(nn.Module):
    """U-Net (Ronneberger et al. 2015; Ho et al. 2020), attention at the coarsest level.

    Input y of shape (batch, channels, height, width), height and width multiples of `patch * 2**(levels - 1)`;
    t of shape (batch,), multiplied by `time_scale` before the sinusoids. With `classes`, label (batch,) from 0 adds an
    embedding to that of the time; no label is a class of its own. With `measured` channels of a measurement, these are
    concatenated to the input (Saharia et al. 2023, arXiv:2104.07636). Returns a tensor of y's shape, with twice its
    channels if `learned_variance`.
    """

    def __init__(
        self,
        channels: int = 1,
        widths: Sequence[int] = (48, 96),
        blocks: int = 1,
        patch: int = 2,
        heads: int = 2,
        time_scale: float = 1.0,
        classes: int = 0,
        learned_variance: bool = False,
        measured: int = 0,
    ) -> None:
        super().__init__()
        emb = 4 * widths[0]
        self.time = TimeEmbedding(2 * widths[0], emb, time_scale)
        self.label = nn.Embedding(classes + 1, emb) if classes else None
        if self.label is not None:
            nn.init.zeros_(self.label.weight)
        inputs = (channels + measured) * patch**2
        self.stem = nn.Sequential(nn.PixelUnshuffle(patch), nn.Conv2d(inputs, widths[0], 3, padding=1))
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, width = [widths[0]], widths[0]
        for level, w in enumerate(widths):
            for _ in range(blocks):
                self.down.append(ResBlock(width, w, emb))
                skips.append(width := w)
            if level + 1 < len(widths):
                self.down.append(nn.Conv2d(w, w, 3, stride=2, padding=1))
                skips.append(w)
        self.middle = nn.ModuleList([ResBlock(width, width, emb), Attention(width, heads), ResBlock(width, width, emb)])
        for level, w in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                self.up.append(ResBlock(width + skips.pop(), w, emb))
                width = w
            if level:
                width = widths[level - 1]
                self.up.append(nn.Sequential(nn.Conv2d(w, width, 3, padding=1), nn.Upsample(scale_factor=2)))
        outputs = 2 * channels if learned_variance else channels
        last = nn.Conv2d(width, outputs * patch**2, 3, padding=1)
        nn.init.zeros_(last.weight)
        self.head = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), last, nn.PixelShuffle(patch))

    def embedding(self, t: Tensor, label: Tensor | None) -> Tensor:
        """Of the time, and of the class where there are classes."""
        emb: Tensor = self.time(t)
        if self.label is None:
            return emb
        none = self.label.num_embeddings - 1
        return emb + self.label(torch.full_like(t, none, dtype=torch.int64) if label is None else label)

    def forward(self, y: Tensor, t: Tensor, label: Tensor | None = None, measured: Tensor | None = None) -> Tensor:
        emb = self.embedding(t, label)
        h = self.stem(y if measured is None else torch.cat([y, measured.to(y)], dim=1))
        skips = [h]
        for layer in self.down:
            h = layer(h, emb) if isinstance(layer, ResBlock) else layer(h)
            skips.append(h)
        first, attention, second = self.middle
        h = second(attention(first(h, emb)), emb)
        for layer in self.up:
            h = layer(torch.cat([h, skips.pop()], dim=1), emb) if isinstance(layer, ResBlock) else layer(h)
        return self.head(h)
