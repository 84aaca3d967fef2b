"""Gaussian data, for which all quantities are exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchbox.mixture_law import MixtureLaw
from benchbox.models.analytic import Analytic, FloatVector, read_numbers

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Jump, Jumps


@dataclass(frozen=True)
class Gaussian(Analytic):
    """x_0 ~ N(μ, Σ): D(x, σ) = μ + Λ/(Λ+σ²) (x − μ) along the eigenvectors of Σ (Pierret & Galerne 2025, eq. 5).

    mean: one number for all coordinates, one per coordinate, or an .npy file. eigenvalues: one per coordinate, or an
    .npy file. eigenvectors: an .npy file with the eigenvectors as columns (default: the coordinate axes). sample_shape:
    the shape of a sample (default: a vector). data_range: a:b for images with values from a to b.
    """

    name = "gaussian"
    mean: tuple[float, ...] | Path = (1.0, -1.0, 0.5, 0.0)
    eigenvalues: tuple[float, ...] | Path = (4.0, 1.0, 0.25, 0.04)
    eigenvectors: Path | None = None
    sample_shape: tuple[int, ...] | None = None
    data_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if (self.spectrum < 0).any() or self.spectrum.ndim != 1 or not self.spectrum.size:
            raise ValueError("the eigenvalues must be a list of non-negative numbers.")
        if self.center.shape not in {(1,), self.spectrum.shape}:
            raise ValueError(f"the mean has {self.center.size} numbers for {self.spectrum.size} eigenvalues.")
        if self.basis is not None and self.basis.shape != (self.spectrum.size,) * 2:
            raise ValueError(f"the eigenvectors are {self.basis.shape} for {self.spectrum.size} eigenvalues.")
        if prod(self.shape) != self.spectrum.size:
            raise ValueError(f"sample_shape {self.shape} does not hold {self.spectrum.size} numbers.")

    @cached_property
    def center(self) -> FloatVector:
        return np.atleast_1d(read_numbers(self.mean, "mean").reshape(-1))

    @cached_property
    def spectrum(self) -> FloatVector:
        # computed eigenvalues may be negative because of rounding errors
        values = read_numbers(self.eigenvalues, "eigenvalues")
        return np.where(np.abs(values) < 1e-6 * np.abs(values).max(initial=0), np.maximum(values, 0), values)

    @cached_property
    def basis(self) -> FloatVector | None:
        return None if self.eigenvectors is None else read_numbers(self.eigenvectors, "eigenvectors")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sample_shape or self.spectrum.shape

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("w2",)

    @property
    def jumps(self) -> Jumps:
        return "flow-map"

    @property
    def denoises(self) -> bool:
        return True

    def denoiser(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        scaled = self.scaling(device)
        return lambda x, sigma: scaled(x, lambda lam: lam / (lam + sigma**2))

    def jump(self, device: Any) -> Jump:
        """x' = μ + √((Λ+σ'²)/(Λ+σ²)) (x − μ) along the eigenvectors of Σ: the solution of the ODE."""
        scaled = self.scaling(device)
        return lambda x, sigma, sigma_next: scaled(x, lambda lam: ((lam + sigma_next**2) / (lam + sigma**2)).sqrt())

    def scaling(self, device: Any) -> Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor]:
        """(x, gain) to x with its distance from μ multiplied by gain(Λ) along the eigenvectors of Σ."""
        import torch

        tensors = {n: torch.as_tensor(a, device=device) for n, a in (("mu", self.center), ("lam", self.spectrum))}
        basis = None if self.basis is None else torch.as_tensor(self.basis, device=device)
        converted: dict[torch.dtype, tuple[Any, ...]] = {}

        def scaled(x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
            if x.dtype not in converted:
                converted[x.dtype] = (
                    *(t.to(x.dtype) for t in tensors.values()),
                    None if basis is None else basis.to(x.dtype),
                )
            mu, lam, q = converted[x.dtype]
            d = x.flatten(1) - mu
            d = d * gain(lam) if q is None else ((d @ q) * gain(lam)) @ q.mT
            return (d + mu).view(x.shape)

        return scaled

    def gaussian_law(self) -> tuple[FloatVector, FloatVector]:
        q = np.eye(self.spectrum.size) if self.basis is None else self.basis
        return np.broadcast_to(self.center, self.spectrum.shape).copy(), (q * np.sqrt(self.spectrum)) @ q.T

    def mixture_law(self) -> MixtureLaw:
        mean = np.broadcast_to(self.center, (1, self.spectrum.size))
        return MixtureLaw(np.ones(1), mean.copy(), self.spectrum[None], self.basis)

    def draw(self, n: int, seed: int) -> Tensor:
        import torch

        z = np.random.default_rng(seed).standard_normal((n, self.spectrum.size)) * np.sqrt(self.spectrum)
        x = z if self.basis is None else z @ self.basis.T
        return torch.as_tensor(x + self.center).view(n, *self.shape)
