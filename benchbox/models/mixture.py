"""A Gaussian mixture, with an exact score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchbox.models.analytic import Analytic, FloatVector, read_numbers

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Mixture(Analytic):
    """x_0 ~ Σ w_k N(m_k, s_k² I): D = Σ r_k(x) [m_k + s_k²/(s_k²+σ²) (x − m_k)], r the posterior weights of the modes.

    means: K·dim numbers, mode by mode, or an .npy of (K, dim); weights are normalised. Default: four well separated
    modes in the plane, of unequal weight and width.
    """

    name = "mixture"
    dim: int = 2
    means: tuple[float, ...] | Path = (-4.0, 0.0, 3.0, 3.0, 4.0, -3.0, 0.0, 6.0)
    weights: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
    stds: tuple[float, ...] = (0.5, 0.3, 0.8, 0.2)

    def __post_init__(self) -> None:
        k = len(self.weights)
        if self.dim < 1 or read_numbers(self.means, "means").size != k * self.dim or len(self.stds) != k:
            raise ValueError(f"{k} weights need {k} stds and {k}×{self.dim} means.")
        if min(self.weights) < 0 or sum(self.weights) <= 0 or min(self.stds) < 0:
            raise ValueError("weights and stds must be at least 0, and one weight above 0.")

    @cached_property
    def modes(self) -> tuple[FloatVector, FloatVector, FloatVector]:
        """Means (K, dim), weights that sum to 1, and variances."""
        w = np.asarray(self.weights)
        return read_numbers(self.means, "means").reshape(-1, self.dim), w / w.sum(), np.square(self.stds)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.dim,)

    def denoiser(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        import torch

        m, w, v = (torch.as_tensor(a, device=device) for a in self.modes)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            total = v + sigma**2
            d = x.double()[:, None, :] - m
            log_r = w.log() - 0.5 * (d.square().sum(-1) / total + self.dim * total.log())
            means = m + (v / total)[:, None] * d
            return (log_r.softmax(1)[:, :, None] * means).sum(1).to(x.dtype)

        return denoise

    def draw(self, n: int, seed: int) -> Tensor:
        import torch

        m, w, v = self.modes
        rng = np.random.default_rng(seed)
        k = rng.choice(len(w), size=n, p=w)
        return torch.as_tensor(m[k] + np.sqrt(v[k])[:, None] * rng.standard_normal((n, self.dim)))
