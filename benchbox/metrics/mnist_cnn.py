"""The bundled feature extractor for digits, and its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase

from benchbox.card import verified_file
from benchbox.inputs.pixels import with_channels
from benchbox.nets.classifier import DigitClassifier
from benchbox.nets.loading import fill

CLASSIFIER = Path(__file__).parent / "references" / "mnist-cnn.safetensors"


class MnistCNN(FeatureExtractorBase):  # type: ignore[misc]  # torch-fidelity has no types
    """The 64 penultimate features of a small digit classifier, and its logits.

    Input: uint8 (batch, 1 or 3, 28, 28); colour is reduced to luma, since torch-fidelity always passes three channels.
    """

    channels = 1

    def __init__(self, name: str, features_list: list[str], **_: Any) -> None:
        super().__init__(name, features_list)
        self.net = classifier()

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return "64", "logits"

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "logits" if metric == "isc" else "64"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        x = with_channels(input, self.channels).float() / 127.5 - 1
        features = self.net.features(x)
        out = {"64": features, "logits": self.net.logits(features)}
        return tuple(out[name] for name in self.features_list)


def classifier() -> DigitClassifier:
    """The bundled digit classifier, after the SHA-256 of its weights is checked."""
    card = json.loads(CLASSIFIER.with_suffix(".json").read_text(encoding="utf-8"))
    weights = load_file(verified_file(CLASSIFIER, card["sha256"], "the mnist-cnn classifier"))
    return fill(DigitClassifier(), weights, "the weights of the mnist-cnn classifier").eval().requires_grad_(False)
