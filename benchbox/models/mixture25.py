"""The published mixture of 25 components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from benchbox.models.analytic import Analytic
from benchbox.models.mixture import Mixture

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.mixture_law import MixtureLaw


@dataclass(frozen=True)
class Mixture25(Analytic):
    """25 Gaussians of unit variance at (−8i, −8j), i, j ∈ {−2 … 2}, repeated to `dim` coordinates; weights ∝ z², z ~ N.

    The prior of Cardoso et al. 2023 (MCGDiff, arXiv:2308.07983), whose problems are `random-linear`. number: the seed
    of the weights.
    """

    name = "mixture25"
    dim: int = 8
    number: int = 0

    def __post_init__(self) -> None:
        if self.dim < 2 or self.dim % 2:
            raise ValueError("dim must be even.")

    @cached_property
    def mixture(self) -> Mixture:
        corners = [(-8.0 * i, -8.0 * j) * (self.dim // 2) for i, j in product(range(-2, 3), repeat=2)]
        weights = np.square(np.random.default_rng(np.random.SeedSequence([self.number, 25])).standard_normal(25))
        means = tuple(number for corner in corners for number in corner)
        return Mixture(self.dim, means, tuple(weights.tolist()), (1.0,) * 25)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.dim,)

    def denoiser(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        """D = m̄ + (x − m̄)/(1 + σ²), m̄ the mean of the components by their posterior weights r(x)."""
        import torch

        m, w, _ = (torch.as_tensor(a, device=device) for a in self.mixture.modes)
        constant, half_squares = w.log(), 0.5 * m.square().sum(1)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            z = x.double()
            r = (constant + (z @ m.mT - half_squares) / (1 + sigma**2)).softmax(1)
            mean = r @ m
            return (mean + (z - mean) / (1 + sigma**2)).to(x.dtype)

        return denoise

    def mixture_law(self) -> MixtureLaw | None:
        return self.mixture.mixture_law()

    def draw(self, n: int, seed: int) -> Tensor:
        return self.mixture.draw(n, seed)
