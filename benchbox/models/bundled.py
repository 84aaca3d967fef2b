"""Networks described by a card: those that come with benchbox, and a user's own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchbox.card import Card, read_card, verified_file
from benchbox.classes import LATER, check_label, labels
from benchbox.files import reading, tensors_in
from benchbox.model import Model, Prediction
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class CardModel(Model):
    """A network and what its card says of it; the weights' SHA-256 is checked before they are loaded.

    label: the classes to ask for, in turn.
    """

    label: tuple[int, ...] = field(default=(), kw_only=True, metadata=LATER)

    def __post_init__(self) -> None:
        if self.label:
            check_label(self.label, self.classes)

    @abstractmethod
    def card_path(self) -> Path:
        """The card's file; the weights lie beside it."""

    @cached_property
    def card(self) -> Card:
        return read_card(self.card_path())

    @property
    def dataset(self) -> str:
        return self.card.dataset

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.card.shape)

    @cached_property
    def schedule(self) -> Schedule:
        from benchbox import get

        options = dict(self.card.schedule)
        schedule: Schedule = get("schedule", options.pop("name"), **options)
        return schedule

    @property
    def grid(self) -> str:
        return self.card.grid

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(self.card.metrics)

    @property
    def data_range(self) -> tuple[float, float]:
        low, high = self.card.data_range
        return low, high

    @property
    def prediction(self) -> Prediction:
        return self.card.prediction  # type: ignore[return-value]

    @property
    def sigma_data(self) -> float:
        return self.card.sigma_data

    @property
    def continuous(self) -> bool:
        return self.card.continuous

    @property
    def features(self) -> str | None:
        return self.card.features

    @property
    def reference(self) -> str | None:
        return str(self.card_path().parent / self.card.reference) if self.card.reference else None

    @property
    def sha256(self) -> str:
        return self.card.sha256

    def weights(self) -> Path:
        """The weights' file. UsageError where it is missing or does not have the card's SHA-256."""
        file = self.card_path().parent / self.card.weights
        return verified_file(file, self.card.sha256, f"the weights of model {self.card.name}")

    @property
    def classes(self) -> int:
        return int(self.card.architecture.get("classes") or 0)

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        """A class-conditional network makes its classes in turn: sample i is of class i mod classes, unless `label`."""
        return {"label": labels(index, self.classes, self.label)} if self.classes else {}

    def unconditional(self, index: Tensor) -> dict[str, Tensor] | None:
        """No label is a class of its own, of a network that was trained with dropped labels."""
        dropped = self.classes and self.card.training.get("drop_label")
        return {"label": index * 0 + self.classes} if dropped else None

    def network(self, device: Any) -> Callable[..., Tensor]:
        from benchbox import nets
        from benchbox.nets.loading import fill

        card = self.card
        weights = self.weights()
        with reading(self.card_path(), "a model card of a network that can be made"):
            net = nets.make_network(card.architecture, card.prediction, self.schedule, card.sigma_data)
        fill(net, tensors_in(weights), f"the weights of model {card.name}, {weights},")
        return net.to(device).eval().requires_grad_(False)


@dataclass(frozen=True)
class Bundled(CardModel):
    name: ClassVar[str]

    def card_path(self) -> Path:
        return WEIGHTS / f"{self.name}.json"


@dataclass(frozen=True)
class MnistEDM(Bundled):
    """A small U-Net with EDM preconditioning (Karras et al. 2022), trained on MNIST, 28×28, grey. The default model."""

    name = "mnist-edm"


@dataclass(frozen=True)
class MnistDDPM(Bundled):
    """A small U-Net that predicts ε on the discrete linear-β schedule, T = 1000 (Ho et al. 2020), trained on MNIST."""

    name = "mnist-ddpm"


@dataclass(frozen=True)
class MnistNCSN(Bundled):
    """A small U-Net that predicts the score over a geometric ladder of noise (Song & Ermon 2019), trained on MNIST."""

    name = "mnist-ncsn"


@dataclass(frozen=True)
class CardFile(CardModel):
    """The network of a card of your own, as `benchbox train` writes it: --model PATH.json."""

    name = "card"
    path: Path

    @property
    def title(self) -> str:
        return self.card.name

    def card_path(self) -> Path:
        return self.path

    @classmethod
    def hint(cls, path: Path) -> str | None:
        card = path.with_suffix(".json")
        return f"{card}, the card beside it" if path.suffix == ".safetensors" and card.is_file() else None
