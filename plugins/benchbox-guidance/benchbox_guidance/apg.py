"""Adaptive projected guidance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox_guidance.pair import Pair, dot

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox.denoiser import Denoiser


@dataclass(frozen=True)
class APG(Pair):
    """Adaptive projected guidance (Sadat et al. 2024, arXiv:2410.02416): D_c + (s − 1)(Δ⊥ + η Δ∥), Δ = D_c − D_u.

    Δ has a `momentum` β, Δ ← Δ + β Δ of the evaluation before, and at most the norm `norm` (0: no limit); Δ∥ is its
    part along D_c. s is `scale`, neutral at 1. On D: diffusers' guider agrees on the same numbers (its original
    formulation, whose scale is s − 1). The momentum is over evaluations, so the target moves with their number.
    """

    name = "apg"
    continuous_limit = False
    scale: float = 7.5
    eta: float = 0.0
    norm: float = 15.0
    momentum: float = -0.5

    def __call__(self, denoise: Denoiser, levels: Levels) -> Callable[[Tensor, float], Tensor]:
        before: Tensor | float = 0.0

        def guided(x: Tensor, sigma: float) -> Tensor:
            nonlocal before
            d_c, d_u = denoise.both(x, sigma)
            before = delta = d_c - d_u + self.momentum * before
            if self.norm > 0:
                delta = delta * (self.norm / dot(delta, delta).sqrt()).clamp(max=1.0)
            along = d_c * (dot(delta, d_c) / dot(d_c, d_c).clamp(min=1e-24))
            return d_c + (self.scale - 1) * (delta - along + self.eta * along)

        return guided
