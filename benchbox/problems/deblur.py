"""Deblurring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from benchbox.problem import Problem
from benchbox.problems.axes import spatial_shape

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Deblur(Problem):
    """The sample is blurred: a convolution with a kernel of sum 1, periodic at the borders.

    kernel: `gaussian` of standard deviation `width` pixels, or `motion`, a line of `length` pixels at `angle` degrees
    (0: along the last axis).
    """

    name = "deblur"
    kernel: Literal["gaussian", "motion"] = "gaussian"
    width: float = 1.0
    length: float = 5.0
    angle: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.width > 0 and self.length > 0 and math.isfinite(self.width + self.length + self.angle)):
            raise ValueError("width and length must be above 0.")

    def spectrum(self, size: tuple[int, ...]) -> Tensor:
        """The kernel's discrete Fourier transform on an image of this size."""
        return spectrum(self, size)

    def forward(self, x: Tensor) -> Tensor:
        return filtered(x, self.spectrum(spatial_shape(tuple(x.shape[1:]))))

    def adjoint(self, y: Tensor) -> Tensor:
        return filtered(y, self.spectrum(spatial_shape(tuple(y.shape[1:]))).conj())


def filtered(x: Tensor, spectrum: Tensor) -> Tensor:
    """The convolution along the last axes, by its Fourier transform."""

    import torch

    axes = tuple(range(-spectrum.ndim, 0))
    size = x.shape[-spectrum.ndim :]
    complex_type = torch.complex128 if x.dtype == torch.float64 else torch.complex64
    product = torch.fft.rfftn(x, dim=axes) * spectrum.to(x.device, complex_type)
    return torch.fft.irfftn(product, s=size, dim=axes)


@lru_cache(maxsize=32)
def spectrum(blur: Deblur, size: tuple[int, ...]) -> Tensor:
    """The half spectrum of a kernel centred at the first pixel."""

    import torch

    with torch.inference_mode(False):
        kernel = gaussian(blur.width, size) if blur.kernel == "gaussian" else line(blur.length, blur.angle, size)
        return torch.fft.rfftn(kernel / kernel.sum())


def gaussian(width: float, size: tuple[int, ...]) -> Tensor:
    """exp(−d²/2 width²), d the periodic distance to the first pixel."""

    import torch

    axes = [torch.fft.fftfreq(n, 1 / n, dtype=torch.float64) for n in size]
    squares = sum(axis.square() for axis in torch.meshgrid(*axes, indexing="ij"))
    return torch.exp(-torch.as_tensor(squares) / (2 * width**2))


def line(length: float, angle: float, size: tuple[int, ...]) -> Tensor:
    """A line through the first pixel: points on it, each shared by the pixels around it (bilinear)."""

    import torch

    kernel = torch.zeros(size, dtype=torch.float64)
    turn = math.radians(angle)
    step = (-math.sin(turn), math.cos(turn))[-len(size) :]
    for t in torch.linspace(-(length - 1) / 2, (length - 1) / 2, 8 * math.ceil(length) + 1).tolist():
        place = [t * s for s in step]
        base = [math.floor(p) for p in place]
        for corner in range(2 ** len(size)):
            offsets = [corner >> k & 1 for k in range(len(size))]
            shares = [1 - abs(p - b - o) for p, b, o in zip(place, base, offsets, strict=True)]
            index = tuple((b + o) % n for b, o, n in zip(base, offsets, size, strict=True))
            kernel[index] += math.prod(shares)
    return kernel
