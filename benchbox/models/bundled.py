"""The bundled networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchbox.classifier_card import load_classifier
from benchbox.models.card_model import CardModel

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = Path(__file__).parent / "weights"
NOISY_DIGITS = WEIGHTS / "mnist-classifier.json"
"""The card of a classifier of noisy digits."""


@dataclass(frozen=True)
class Bundled(CardModel):
    name: ClassVar[str]

    def classifier(self, device: Any) -> Callable[[Tensor, float], Tensor] | None:
        """The bundled classifier of noisy digits, for a class-conditional network."""
        return load_classifier(NOISY_DIGITS, device) if self.classes else None

    def card_path(self) -> Path:
        return WEIGHTS / f"{self.name}.json"


@dataclass(frozen=True)
class MnistEDM(Bundled):
    """A small U-Net with EDM preconditioning (Karras et al. 2022), trained on MNIST, 28×28, grey. The default model."""

    name = "mnist-edm"


@dataclass(frozen=True)
class MnistConsistency(Bundled):
    """A consistency model (Song et al. 2023) of MNIST, distilled from `mnist-edm`: it jumps to the data."""

    name = "mnist-consistency"


@dataclass(frozen=True)
class MnistDDPM(Bundled):
    """A small U-Net that predicts ε on the discrete linear-β schedule, T = 1000 (Ho et al. 2020), trained on MNIST."""

    name = "mnist-ddpm"


@dataclass(frozen=True)
class MnistNCSN(Bundled):
    """A small U-Net that predicts the score over a geometric ladder of noise, trained on MNIST (Song & Ermon 2020).

    For `annealed-langevin` with 1,000 evaluations, steps_per_level=10 and step_size=0.168.
    """

    name = "mnist-ncsn"
