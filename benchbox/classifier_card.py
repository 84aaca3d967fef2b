"""Classifiers of noisy images: JSON cards beside safetensors weights, as `benchbox train-classifier` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.atomic import output
from benchbox.card import CARD_FORMAT, read_as, verified_file
from benchbox.errors import UsageError
from benchbox.files import reading, tensors_in
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

EXPECTED_CARD = "the card of a classifier of noisy images"


@dataclass(frozen=True)
class ClassifierCard:
    """All that is needed to load a classifier p(c | x) of x = x_0 + σ n at any σ, in canonical coordinates.

    `accuracy` is the share of right answers on held-out images by σ. The weights are in the folder of the card.
    """

    name: str
    dataset: str
    licence: str
    shape: list[int]
    data_range: list[float]
    classes: int
    architecture: dict[str, Any]
    accuracy: dict[str, float]
    training: dict[str, Any]
    weights: str
    sha256: str
    format: int = CARD_FORMAT
    kind: str = field(default="classifier")

    def fault(self) -> str | None:
        """What is wrong with a value of the right type; None where the card is valid."""
        if self.format > CARD_FORMAT:
            return f"its format {self.format} is newer than this benchbox's {CARD_FORMAT}"
        return None if self.classes > 1 else f"its classes are {self.classes}, where at least 2 are needed"

    def write(self, path: Path) -> None:
        """Write the card atomically. UsageError where it cannot be written."""
        with output(path) as file:
            file.write((json.dumps(asdict(self), indent=2) + "\n").encode())

    def check(self, model: Model) -> None:
        """UsageError where it classifies other samples than the model makes, or into other classes."""
        for noun, own, theirs in (
            ("the shape of a sample", tuple(self.shape), model.shape),
            ("the range of the values", tuple(self.data_range), model.data_range),
            ("the number of classes", self.classes, model.classes),
        ):
            if own != theirs:
                raise UsageError(
                    f"classifier {self.name} and model {model.title} differ in {noun}: {own} and {theirs}."
                )


def read_classifier_card(path: Path) -> ClassifierCard:
    """The card in a JSON file. UsageError where the file is missing or something else."""
    return read_as(ClassifierCard, path, EXPECTED_CARD)


def load_classifier(path: Path, device: Any) -> Callable[[Tensor, float], Tensor]:
    """(x, sigma) to log p(c | x), (batch, classes). The SHA-256 of the weights is checked before they are loaded."""
    import torch

    from benchbox.nets.loading import fill
    from benchbox.nets.noisy_classifier import NoisyClassifier

    card = read_classifier_card(path)
    title = f"the weights of classifier {card.name}"
    tensors = tensors_in(verified_file(path.parent / card.weights, card.sha256, title))
    with torch.inference_mode(False):  # its gradients are taken later
        with reading(path, EXPECTED_CARD):
            net = NoisyClassifier(**card.architecture)
        net = fill(net, tensors, title).to(device).eval().requires_grad_(False)

    def classify(x: Tensor, sigma: float) -> Tensor:
        return net(x.float(), torch.full((len(x),), sigma, device=x.device))

    return classify


def log_gradient(classify: Callable[[Tensor, float], Tensor], x: Tensor, sigma: float, label: Tensor) -> Tensor:
    """∇ log p(c | x) of each sample's class at σ, shaped as x."""
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        leaf = x if x.requires_grad else x.clone().requires_grad_()
        chosen = classify(leaf, sigma).gather(1, label.clone()[:, None])
        (gradient,) = torch.autograd.grad(chosen.sum(), leaf, create_graph=x.requires_grad)
    return gradient
