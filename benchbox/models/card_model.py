"""Networks described by a model card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.classes import LATER_OPTION, check_label, class_labels
from benchbox.files import reading, tensors_in
from benchbox.model import Prediction
from benchbox.models.card_files import CardFiles
from benchbox.registry import get
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchbox.model import Jumps
    from benchbox.problem import Problem


MNIST_DIGITS = Path(__file__).parent / "weights" / "mnist-test-100.npz"
"""100 images of the test split, by docs/truths.py."""


@dataclass(frozen=True)
class CardModel(CardFiles):
    """A network with its card. The SHA-256 of the weights is checked before they are loaded.

    label: the classes of the samples, in turn (default: all classes).
    """

    label: tuple[int, ...] = field(default=(), kw_only=True, metadata=LATER_OPTION)

    def __post_init__(self) -> None:
        if self.label:
            check_label(self.label, self.classes)

    @property
    def dataset(self) -> str:
        return self.card.dataset

    @cached_property
    def schedule(self) -> Schedule:
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
        return self.card.prediction  # type: ignore[return-value]  # checked when the card was read

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
    def classes(self) -> int:
        return int(self.card.architecture.get("classes") or 0)

    @property
    def half_weights(self) -> bool:
        return True

    @property
    def learned_variance(self) -> bool:
        return bool(self.card.architecture.get("learned_variance"))

    @property
    def jumps(self) -> Jumps | None:
        return self.card.jumps  # type: ignore[return-value]  # checked when the card was read

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        """A class-conditional network cycles through its classes, or through those in `label`."""
        return {"label": class_labels(index, self.classes, self.label)} if self.classes else {}

    @cached_property
    def problem(self) -> Problem | None:
        if self.card.problem is None:
            return None
        options = dict(self.card.problem)
        problem: Problem = get("problem", options.pop("name"), **options)
        return problem

    def measured(self, y: Tensor) -> dict[str, Tensor]:
        """The measurements at the size of the samples."""
        from benchbox.nets.measured import upsampled

        return {} if self.problem is None else {"measured": upsampled(y, self.shape[1:])}

    @property
    def held_out(self) -> Path | None:
        """For networks of MNIST its first ten test images of each class; image i is of class i mod 10."""
        return MNIST_DIGITS if self.dataset == "mnist" and self.shape == (1, 28, 28) else None

    def unconditional(self, index: Tensor) -> dict[str, Tensor] | None:
        """The label after the last class, for a network that was trained with dropped labels; else None."""
        dropped = self.classes and self.card.training.get("drop_label")
        return {"label": index * 0 + self.classes} if dropped else None

    def module(self, device: Any) -> nn.Module:
        """The network itself, with its weights."""
        from benchbox import nets
        from benchbox.nets.loading import fill

        card = self.card
        weights = self.weights()
        with reading(self.card_path(), "a model card of a known network"):
            net = nets.make_network(card.architecture, card.prediction, self.schedule, card.sigma_data)
        fill(net, tensors_in(weights), f"the weights of model {card.name}, {weights},")
        return net.to(device)

    def network(self, device: Any) -> Callable[..., Tensor]:
        from benchbox.threaded import Threaded

        return Threaded(self.module(device).eval().requires_grad_(False))
