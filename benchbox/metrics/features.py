"""Feature extractors, as torch-fidelity knows them: its own and ours."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from benchbox.card import checked
from benchbox.errors import UsageError, unknown
from benchbox.nets.classifier import DigitClassifier

WEIGHTS = Path(__file__).parent / "references"


class MnistCNN(FeatureExtractorBase):  # type: ignore[misc]
    """The 64 penultimate features of a small digit classifier, and its logits. Input: uint8 (batch, 1 or 3, 28, 28)."""

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
        x = input[:, :1].float() / 127.5 - 1
        features = self.net.features(x)
        out = {"64": features, "logits": self.net.logits(features)}
        return tuple(out[name] for name in self.features_list)


def classifier() -> DigitClassifier:
    """The bundled digit classifier, its weights' SHA-256 checked."""
    card = json.loads((WEIGHTS / "mnist-cnn.json").read_text())
    net = DigitClassifier()
    net.load_state_dict(
        load_file(checked(WEIGHTS / "mnist-cnn.safetensors", card["sha256"], "the mnist-cnn classifier"))
    )
    return net.eval().requires_grad_(False)


SHAPES = {"mnist-cnn": (28, 28)}

if "mnist-cnn" not in FEATURE_EXTRACTORS_REGISTRY:
    register_feature_extractor("mnist-cnn", MnistCNN)


def accepts(name: str, shape: tuple[int, ...]) -> str | None:
    """Why the extractor cannot take images of (channels, height, width); None where it can."""
    if name not in FEATURE_EXTRACTORS_REGISTRY:
        raise unknown("feature extractor", name, FEATURE_EXTRACTORS_REGISTRY)
    if name in SHAPES and shape[1:] != SHAPES[name]:
        return f"{name} takes {SHAPES[name][0]}×{SHAPES[name][1]} images, not {shape[1]}×{shape[2]}."
    if shape[0] not in (1, 3):
        return f"{name} takes images of 1 or 3 channels, not {shape[0]}."
    return None


@cache
def extractor(name: str, device: str) -> Any:
    """callable(uint8 images) -> features (batch, dim), by torch-fidelity's extractor of that name."""
    if name not in SHAPES:
        raise UsageError(f"feature extractor {name} needs weights that benchbox does not load yet: use mnist-cnn.")
    cls = FEATURE_EXTRACTORS_REGISTRY[name]
    layer = cls.get_default_feature_layer_for_metric("fid")
    net = cls(name, [layer]).to(device)

    @torch.inference_mode()
    def extract(images: Tensor) -> Tensor:
        features: Tensor = net(images)[0]
        return features

    return extract
