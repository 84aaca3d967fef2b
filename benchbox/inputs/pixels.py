"""Pixels: from a model's range to uint8, and between grey and colour."""

from __future__ import annotations

import torch
from torch import Tensor


def to_uint8(x: Tensor, data_range: tuple[float, float]) -> Tensor:
    """Images as they are saved: the range scaled to 0 … 255, rounded, clipped (Karras et al. 2022, generate.py)."""
    low, high = data_range
    return ((x - low) * (255 / (high - low)) + 0.5).clamp(0, 255).to(torch.uint8)


def with_channels(images: Tensor, channels: int) -> Tensor:
    """uint8 images of 1 or 3 channels, converted to the 1 or 3 channels that a network takes.

    Grey is repeated in three channels. Colour is reduced to luma, (299 R + 587 G + 114 B)/1000 rounded (ITU-R BT.601),
    by the arithmetic of Pillow's `convert("L")`, which maps three equal channels to that channel.
    """
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    weights = torch.tensor([19595, 38470, 7471], dtype=torch.int32, device=images.device).view(3, 1, 1)
    return ((images.int() * weights).sum(1, keepdim=True) + 0x8000 >> 16).to(torch.uint8)
