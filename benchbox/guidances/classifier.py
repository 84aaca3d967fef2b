"""Classifier guidance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchbox.classifier_card import read_classifier_card
from benchbox.errors import UsageError
from benchbox.guidance import Denoise, Guidance, require_unconditional

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.model import Model


@dataclass(frozen=True)
class Classifier(Guidance):
    """Classifier guidance, D_u + s σ² ∇ log p(c | x) (Dhariwal & Nichol 2021, arXiv:2105.05233, algorithms 1 and 2).

    s is `scale`, D_u the network without its condition, p(c | x) a classifier of noisy samples, and the gradient in
    canonical coordinates. `card`: the card of your own classifier, as `benchbox train-classifier` writes it (default:
    the model's). With the exact classifier s = 1 is the conditional denoiser. It costs an evaluation of each network,
    and a backward of the classifier. The same in ε, v, score and D.
    """

    name = "classifier"
    scale: float = 1.0
    card: Path | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale):
            raise ValueError("scale must be a finite number.")

    def check(self, model: Model) -> None:
        require_unconditional(self, model)
        if self.card is not None:
            read_classifier_card(self.card).check(model)
        elif model.classifier("cpu") is None:
            raise UsageError(
                f"guidance {self.name} needs a classifier of noisy samples, and model {model.title} has none: "
                f"train one with benchbox train-classifier, and add --set {self.name}.card=FILE.json."
            )

    def __call__(self, denoise: Denoiser, levels: Levels) -> Denoise:
        def guided(x: Tensor, sigma: float) -> Tensor:
            gradient = denoise.class_gradient(x, sigma, self.card)
            return denoise.unconditional(x, sigma).add(gradient, alpha=self.scale * sigma**2)

        return guided

    def cost(self, sigma: float) -> int:
        return 2
