"""The discrete noise schedules of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchbox import DiscreteSchedule

if TYPE_CHECKING:
    from numpy.typing import NDArray


def laplace(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """ᾱ of diffusers' schedule `laplace`."""
    snr = (1 - 2 * np.abs(0.5 - t) + 1e-6) ** -np.copysign(0.5, 0.5 - t)
    return np.asarray(np.sqrt(snr / (1 + snr)))


ALPHA_BARS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "squaredcos_cap_v2": lambda t: np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2,
    "laplace": laplace,
    "exp": lambda t: np.exp(-12 * t),
}
"""Schedules that are defined by ᾱ(t), t from 0 to 1."""


@dataclass(frozen=True)
class Betas(DiscreteSchedule):
    """The β of diffusers' schedulers, in float64; log σ is linear in t between the points k/T.

    squaredcos_cap_v2 is the cosine schedule (Nichol & Dhariwal 2021, eq. 17); laplace has ᾱ = √(r/(1+r)) with
    r = exp(λ/2), λ a Laplace quantile, and exp has ᾱ = exp(−12 t), as in diffusers; the β of these three are at
    most 0.999. scaled_linear is linear in √β; trained_betas replaces the formula. rescale_betas_zero_snr (Lin et al.
    2024, algorithm 1) ends at ᾱ = 0, σ = ∞, which is replaced by twice the σ before.
    """

    name = "diffusers"
    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace", "exp"] = "linear"
    beta_start: float = 1e-4
    beta_end: float = 0.02
    num_train_timesteps: int = 1000
    trained_betas: tuple[float, ...] = ()
    rescale_betas_zero_snr: bool = False

    def __post_init__(self) -> None:
        if self.steps < 2 or not (self.betas > 0).all() or not (self.betas < 1).all():
            raise ValueError("there must be at least 2 β, all above 0 and below 1.")

    @property
    def steps(self) -> int:
        return len(self.trained_betas) or self.num_train_timesteps

    @cached_property
    def betas(self) -> NDArray[np.float64]:
        """β_k for k = 1 … T."""
        start, end, n = self.beta_start, self.beta_end, self.steps
        if self.trained_betas:
            return np.array(self.trained_betas)
        match self.beta_schedule:
            case "scaled_linear":
                return np.linspace(np.sqrt(start), np.sqrt(end), n) ** 2
            case "sigmoid":
                return start + (end - start) / (1 + np.exp(-np.linspace(-6, 6, n)))
            case "linear":
                return np.linspace(start, end, n)
        abar = ALPHA_BARS[self.beta_schedule](np.linspace(0, 1, n + 1))
        return np.minimum(1 - abar[1:] / abar[:-1], 0.999)

    @cached_property
    def log_sigmas(self) -> NDArray[np.float64]:
        log_abar = np.cumsum(np.log1p(-self.betas))
        if self.rescale_betas_zero_snr:
            root = np.exp(log_abar / 2)
            root = (root - root[-1])[:-1] * root[0] / (root[0] - root[-1])
            log_abar = 2 * np.log(np.append(root, root[-1] / 2))
        return np.asarray(0.5 * np.log(np.expm1(-log_abar)))
