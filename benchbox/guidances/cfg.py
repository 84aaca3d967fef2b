"""Classifier-free guidance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchbox.guidance import Denoise, require_unconditional
from benchbox.guidances.interval import Scaled

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.model import Model


@dataclass(frozen=True)
class CFG(Scaled):
    """Classifier-free guidance, D_u + s (D_c − D_u) (Ho & Salimans 2022, arXiv:2207.12598, eq. 6, whose w is s − 1).

    s is `scale`: 1 is the conditional denoiser, 0 the unconditional one. Outside of sigma_low < σ ≤ sigma_high it is
    the conditional denoiser, at the cost of one evaluation (Kynkäänniemi et al. 2024, arXiv:2404.07724). The same in
    ε, v, score and D, unless `rescale` φ is above 0: φ D_s std(D_c)/std(D_s) + (1 − φ) D_s, the standard deviation over
    each sample (Lin et al. 2023, arXiv:2305.08891, §3.4). That is computed on D; diffusers does it on the network's
    output.
    """

    name = "cfg"
    rescale: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.rescale <= 1:
            raise ValueError("rescale is from 0 to 1.")

    def check(self, model: Model) -> None:
        require_unconditional(self, model)

    def __call__(self, denoise: Denoiser, levels: Levels) -> Denoise:
        def guided(x: Tensor, sigma: float) -> Tensor:
            if not self.acts(sigma):
                return denoise(x, sigma)
            d_c, d_u = denoise.both(x, sigma)
            d = d_u.lerp(d_c, self.scale)
            return d.lerp(d * (spread(d_c) / spread(d)), self.rescale) if self.rescale else d

        return guided


def spread(x: Tensor) -> Tensor:
    """The standard deviation of each sample over all of its axes, shaped to multiply x (batch, *shape)."""
    return x.flatten(1).std(1).view(-1, *[1] * (x.ndim - 1))
