"""Autoguidance: away from what a worse network says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchbox.errors import UsageError
from benchbox.guidance import Denoise
from benchbox.guidances.interval import Scaled
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels


@dataclass(frozen=True)
class Autoguidance(Scaled):
    """Autoguidance, D_g + s (D − D_g) (Karras et al. 2024, arXiv:2406.02507), D_g of a smaller or less trained network.

    s is `scale`, neutral at 1; `guide` is the weaker model, under the same class. Outside of
    sigma_low < σ ≤ sigma_high the guide is not asked. The two networks are counted apart (`nfe_guides`); `nfe` is their
    sum. The same in ε, v, score and D.
    """

    name = "autoguidance"
    scale: float = 2.0
    guide: Model = field(kw_only=True)

    def check(self, model: Model) -> None:
        if self.guide.shape != model.shape:
            raise UsageError(
                f"guide {self.guide.title} makes samples of shape {self.guide.shape}, "
                f"model {model.title} of {model.shape}: they must be the same."
            )

    def __call__(self, denoise: Denoiser, levels: Levels) -> Denoise:
        def guided(x: Tensor, sigma: float) -> Tensor:
            d = denoise(x, sigma)
            return denoise.guide(self.guide)(x, sigma).lerp(d, self.scale) if self.acts(sigma) else d

        return guided
