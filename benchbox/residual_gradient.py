"""The gradient of the residual of a measurement through the denoiser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.measurement import Measurement


def residual_gradient(denoise: Denoiser, x: Tensor, sigma: float, y: Measurement) -> tuple[Tensor, Tensor]:
    """D(x, σ), and ∇_x ‖y − A(D)‖ of each sample: an evaluation and a backward."""
    d, pull = denoise.pullback(x, sigma)
    residual = y.residual(d)
    norm = residual.flatten(1).norm(dim=1).view(-1, *[1] * (residual.ndim - 1))
    return d, -pull(y.pulled_back(d, residual / norm.clamp_min(1e-12)))
