"""Building blocks of samplers: single steps, and the split of a step into a deterministic part and noise."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Slope = Callable[[Any, "Tensor"], "Tensor"]
"""(t, y) to dy/dt."""


def euler(denoised: Tensor, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """Euler's step on dx/dσ = (x − D)/σ from σ to σ': x + (σ' − σ)(x − D)/σ = D + (σ'/σ)(x − D), a new tensor.

    DDIM with η = 0 (Song, Meng & Ermon 2021, arXiv:2010.02502, eq. 13; Karras et al. 2022, arXiv:2206.00364, eq. 3).
    """
    return denoised.lerp(x, sigma_next / sigma)


def ancestral_step(sigma: float, sigma_next: float, eta: float = 1.0) -> tuple[float, float]:
    """sigma_down and sigma_up: a step goes down to σ_down, and noise of standard deviation σ_up leads up to σ'.

    σ_up = η σ' √(1 − σ'²/σ²) and σ_down² = σ'² − σ_up². At η = 1 this is the DDPM's posterior
    (Song, Meng & Ermon 2021, arXiv:2010.02502, eq. 16; k-diffusion, get_ancestral_step).
    """
    ratio = sigma_next / sigma
    # written as a sum: σ'² − σ_up² would lose all digits by cancellation where σ' is far below σ
    return sigma_next * sqrt((1 - eta) * (1 + eta) + (eta * ratio) ** 2), eta * sigma_next * sqrt(1 - ratio**2)


def rk4(slope: Slope, y: Tensor, t: float, t_next: float) -> Tensor:
    """A step of the classical Runge–Kutta method (Kutta 1901)."""
    h = t_next - t
    k1 = slope(t, y)
    k2 = slope(t + h / 2, y + h / 2 * k1)
    k3 = slope(t + h / 2, y + h / 2 * k2)
    k4 = slope(t_next, y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
