"""A stationary Gaussian texture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.mixture_law import MixtureLaw
from benchbox.models.analytic import Analytic, FloatVector

if TYPE_CHECKING:
    from torch import Tensor

SIZE, SPOT, WAVE = 32, 4.0, 6.0
"""The image of the default: waves of 6 pixels under a Gaussian of 4 pixels, on 32 × 32 pixels."""

CONTRAST = 0.3
"""Standard deviation of its pixels, on [−1, 1]."""

LARGEST = 4096
"""Numbers of a sample up to which covariances are built."""


@dataclass(frozen=True)
class Texture(Analytic):
    """The Gaussian texture of an image h, its asymptotic discrete spot noise (Galerne, Gousseau & Morel 2011, Random
    phase textures, IEEE Trans. Image Process. 20(1)).

    x_0 = m + t ∗ w: m is the mean colour of h, t = (h − m)/√N over its N pixels, ∗ the periodic convolution, and w
    white noise, the same for all colours. In the Fourier basis the covariance is t̂ t̂* at each frequency, of rank one
    in the colours, so D = m + t̂ (t̂* x̂)/(|t̂|² + σ²) costs two transforms of the image.

    image: a picture, scaled to [−1, 1] (default: a small grey wave, whose texture is 32 × 32 pixels).
    """

    name = "texture"
    image: Path | None = None

    def __post_init__(self) -> None:
        if self.image is not None and not self.image.is_file():
            raise ValueError(f"there is no file {self.image}.")

    @cached_property
    def exemplar(self) -> FloatVector:
        """The image h, (channels, height, width)."""
        if self.image is None:
            return wave()
        from benchbox.inputs.pictures import Pictures

        return np.asarray(Pictures([self.image], self.image)[:][0] / 127.5 - 1)

    @cached_property
    def mean(self) -> FloatVector:
        return self.exemplar.mean((1, 2), keepdims=True)

    @cached_property
    def spectrum(self) -> NDArray[np.complex128]:
        """t̂ at the frequencies of a real transform, (channels, height, width // 2 + 1)."""
        spot = self.exemplar - self.mean
        return np.fft.rfft2(spot / np.sqrt(spot[0].size))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.exemplar.shape

    @property
    def data_range(self) -> tuple[float, float]:
        return -1.0, 1.0

    @property
    def dataset(self) -> str:
        return self.name if self.image is None else f"{self.name} of {self.image.stem}"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("sw2",)

    def denoiser(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        import torch

        mean, spectrum = torch.as_tensor(self.mean, device=device), torch.as_tensor(self.spectrum, device=device)
        energy = spectrum.abs().square().sum(0)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            m, t = mean.to(x.dtype), spectrum.to(torch.promote_types(x.dtype, torch.complex64))
            seen = (t.conj() * torch.fft.rfft2(x - m)).sum(1, keepdim=True)
            return m + torch.fft.irfft2(t * (seen / (energy.to(x.dtype) + sigma**2)), s=x.shape[-2:])

        return denoise

    def draw(self, n: int, seed: int) -> Tensor:
        import torch

        w = np.random.default_rng(seed).standard_normal((n, 1, *self.shape[1:]))
        return torch.as_tensor(self.mean + np.fft.irfft2(self.spectrum * np.fft.rfft2(w), s=self.shape[1:]))

    def gaussian_law(self) -> tuple[FloatVector, FloatVector] | None:
        """Of textures of at most 4,096 numbers: the root of the covariance is t̂ t̂*/|t̂| in the Fourier basis."""
        size = self.exemplar.size
        if size > LARGEST:
            return None
        length = np.sqrt(np.square(np.abs(self.spectrum)).sum(0))
        scaled = self.spectrum / np.sqrt(np.where(length > 0, length, 1))
        pixels = np.fft.rfft2(np.eye(size).reshape(size, *self.shape))
        seen = (scaled.conj() * pixels).sum(1, keepdims=True)
        root = np.fft.irfft2(scaled * seen, s=self.shape[1:]).reshape(size, size)
        return np.broadcast_to(self.mean, self.shape).ravel().copy(), (root + root.T) / 2

    def mixture_law(self) -> MixtureLaw | None:
        law = self.gaussian_law()
        if law is None:
            return None
        roots, basis = np.linalg.eigh(law[1])
        return MixtureLaw(np.ones(1), law[0][None], np.square(roots)[None], basis)


def wave() -> FloatVector:
    """A grey wave under a Gaussian, whose texture has the standard deviation of `CONTRAST`, (1, height, width)."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    spot = np.exp(-(x**2 + y**2) / (2 * SPOT**2)) * np.cos(2 * np.pi * (x + 0.5 * y) / WAVE)
    return CONTRAST * (spot / spot.std())[None]
