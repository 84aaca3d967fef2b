"""The terms of the variational bound, by coordinate: a KL divergence of two normals, and the decoder of pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

PixelRange = tuple[float, float]
"""The values of the pixels 0 and 255."""


def normal_kl(error: Tensor, gain: Any, posterior: Any, variance: Any) -> Tensor:
    """KL(N(m + gain·error, posterior) ‖ N(m, variance)), shaped as the error; the others broadcast to it."""
    import torch

    log_ratio = torch.as_tensor(posterior / variance).log()
    return (error.square() * (gain**2 / variance) + torch.expm1(log_ratio) - log_ratio) / 2


def log_decoder(x0: Tensor, mean: Tensor, std: Tensor | float, pixels: PixelRange | None) -> Tensor:
    """log N(x_0; mean, std²) by coordinate; of pixels, of the interval of values that round to x_0.

    Ho et al. 2020, arXiv:2006.11239, eq. 13.
    """
    import torch

    std = torch.as_tensor(std, dtype=x0.dtype)
    if pixels is None:
        return -((x0 - mean) / std).square() / 2 - std.log() - math.log(2 * math.pi) / 2
    low, high = pixels
    half = (high - low) / 510
    below = torch.where(x0 > low + half, (x0 - half - mean) / std, -math.inf)
    above = torch.where(x0 < high - half, (x0 + half - mean) / std, math.inf)
    # the upper tail is mirrored into the lower one, where differences do not cancel
    flip = below > 0
    below, above = torch.where(flip, -above, below), torch.where(flip, -below, above)
    top = torch.special.log_ndtr(above)
    return top + torch.log(-torch.expm1(torch.special.log_ndtr(below) - top))
