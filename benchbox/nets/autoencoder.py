"""A small convolutional autoencoder, for models of latents."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

LATENT_STD = 0.5
"""The standard deviation of each channel of the latents, as in EDM2 (Karras et al. 2024, arXiv:2312.02696, §2)."""


class Block(nn.Module):
    """Two 3×3 convolutions with group normalisation, added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Autoencoder(nn.Module):
    """An autoencoder with a Gaussian posterior of its latents (Rombach et al. 2022, arXiv:2112.10752, §3.1).

    Images (batch, channels, height, width) in [−1, 1]; latents (batch, latent_channels, height/f, width/f), f = 2 to
    the number of widths. `encode` and `decode` work on latents of mean 0 and standard deviation `LATENT_STD` per
    channel; `posterior` and `reconstruct` on those before that.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int = 1, latent_channels: int = 4, widths: Sequence[int] = (32, 64)) -> None:
        super().__init__()
        first, last = widths[0], widths[-1]
        encoder: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, first, 3, padding=1), Block(first)]
        decoder: list[nn.Module] = [nn.Conv2d(latent_channels, last, 3, padding=1), Block(last)]
        for width, narrower in zip(widths[1:], widths, strict=False):
            encoder += [nn.Conv2d(narrower, width, 3, stride=2, padding=1), Block(width)]
        for width, narrower in zip(widths[:0:-1], widths[-2::-1], strict=True):
            decoder += [nn.Upsample(scale_factor=2), nn.Conv2d(width, narrower, 3, padding=1), Block(narrower)]
        encoder += [nn.GroupNorm(8, last), nn.SiLU(), nn.Conv2d(last, 2 * latent_channels, 1)]
        decoder += [nn.GroupNorm(8, first), nn.SiLU(), nn.Conv2d(first, 4 * channels, 3, padding=1), nn.PixelShuffle(2)]
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)
        self.register_buffer("mean", torch.zeros(latent_channels, 1, 1))
        self.register_buffer("std", torch.full((latent_channels, 1, 1), LATENT_STD))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and the logarithm of the variance of an image's latents."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-30, 20)

    def reconstruct(self, latents: Tensor) -> Tensor:
        x: Tensor = self.decoder(latents)
        return x

    def encode(self, x: Tensor) -> Tensor:
        return self.normalised(self.posterior(x)[0])

    def normalised(self, latents: Tensor) -> Tensor:
        return (latents - self.mean) * (LATENT_STD / self.std)

    def decode(self, z: Tensor) -> Tensor:
        return self.reconstruct(self.mean + z * (self.std / LATENT_STD))
