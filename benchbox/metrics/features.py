"""Feature extractors, as torch-fidelity knows them: its own and ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.feature_extractor_dinov2 import FeatureExtractorDinoV2
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from benchbox.card import verified_file
from benchbox.errors import UsageError, unknown
from benchbox.metrics import weights
from benchbox.metrics.reference import REFERENCE_FOLDER
from benchbox.nets.classifier import DigitClassifier
from benchbox.nets.loading import fill

METRICS = ("fid", "kid", "isc", "prc")
"""torch-fidelity's names of the metrics that an extractor has a default layer for."""

RECENT = 32
"""Sets of images whose features an extractor keeps for the next metric: a batch of 2,048 in chunks of 64."""


class MnistCNN(FeatureExtractorBase):  # type: ignore[misc]
    """The 64 penultimate features of a small digit classifier, and its logits.

    Input: uint8 (batch, 1 or 3, 28, 28); of three channels the luma is taken, as torch-fidelity gives it no fewer.
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
    """The bundled digit classifier, its weights' SHA-256 checked."""
    card = json.loads((REFERENCE_FOLDER / "mnist-cnn.json").read_text(encoding="utf-8"))
    what = "the mnist-cnn classifier"
    weights = load_file(verified_file(REFERENCE_FOLDER / "mnist-cnn.safetensors", card["sha256"], what))
    return fill(DigitClassifier(), weights, f"the weights of {what}").eval().requires_grad_(False)


class LocalDinoV2(FeatureExtractorDinoV2):  # type: ignore[misc]
    """torch-fidelity's DINOv2, its network built by the repository's own code in torch's cache, fetching nothing."""

    def __init__(self, name: str, features_list: list[str], feature_extractor_weights_path: str, **_: Any) -> None:
        FeatureExtractorBase.__init__(self, name, features_list)
        code = Path(torch.hub.get_dir()) / "facebookresearch_dinov2_main"
        if not (code / "hubconf.py").is_file():
            raise UsageError(f"the code of {name} is missing: put the repository facebookresearch/dinov2 at {code}.")
        size = name.split("-")[2]
        self.model = torch.hub.load(str(code), f"dinov2_vit{size}14", source="local", pretrained=False)
        tensors = torch.load(feature_extractor_weights_path, map_location="cpu", weights_only=True)
        fill(self.model, tensors, f"the weights of {name}, {feature_extractor_weights_path},")
        self.feature_extractor_internal_dtype = torch.float32
        self.to(torch.float32).eval().requires_grad_(False)


def with_channels(images: Tensor, channels: int) -> Tensor:
    """uint8 images of 1 or 3 channels with as many as a network takes: 1 or 3.

    Grey ones are given three equal channels; of colours the luma is taken, (299 R + 587 G + 114 B)/1000 rounded (ITU-R
    BT.601), by the arithmetic of Pillow's `convert("L")`, which leaves three equal channels as they are.
    """
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    weights = torch.tensor([19595, 38470, 7471], dtype=torch.int32, device=images.device).view(3, 1, 1)
    return ((images.int() * weights).sum(1, keepdim=True) + 0x8000 >> 16).to(torch.uint8)


def channels_of(name: str) -> int:
    """How many channels an extractor's network takes: what its class states as `channels`, else 3."""
    return int(getattr(FEATURE_EXTRACTORS_REGISTRY[name], "channels", 3))


SHAPES = {"mnist-cnn": (28, 28)}
"""Extractors that take images of one size; the others resize."""

if "mnist-cnn" not in FEATURE_EXTRACTORS_REGISTRY:
    register_feature_extractor("mnist-cnn", MnistCNN)


def resize_of(name: str) -> str:
    """What an extractor does to the size of an image: none, or torch-fidelity's bilinear rule of TensorFlow 1."""
    return "none" if name in SHAPES else "bilinear-tf1" if name in weights.KNOWN_WEIGHTS else "its own"


def accepts(name: str, shape: tuple[int, ...]) -> str | None:
    """Why the extractor cannot take images of (channels, height, width); None where it can."""
    if name not in FEATURE_EXTRACTORS_REGISTRY:
        raise unknown("feature extractor", name, FEATURE_EXTRACTORS_REGISTRY)
    if name in SHAPES and shape[1:] != SHAPES[name]:
        return f"{name} takes {SHAPES[name][0]}×{SHAPES[name][1]} images, not {shape[1]}×{shape[2]}."
    if shape[0] not in (1, 3):
        return f"{name} takes images of 1 or 3 channels, of which it makes {channels_of(name)}, not {shape[0]}."
    return None


class Extractor:
    """Images to features, by a network of torch-fidelity's interface. Metrics that share it share its work.

    channels: how many the network takes, 1 or 3 (see `suited`). The features of the `RECENT` last sets of images are
    kept.
    """

    def __init__(
        self, name: str, network: Callable[[Tensor], tuple[Tensor, ...]], layers: dict[str, str], channels: int = 3
    ) -> None:
        """layers: metric (of `METRICS`) to layer; the network gives the distinct ones in the order of their names."""
        self.name, self.network, self.layers, self.channels = name, network, layers, channels
        self.order = sorted(set(layers.values()))
        self.recent: dict[bytes, dict[str, Tensor]] = {}

    def __call__(self, images: Tensor, metric: str) -> Tensor:
        """The features (n, dim), float32 on the CPU, that a metric uses of uint8 images (n, channels, h, w)."""
        key = hashlib.blake2b(images.cpu().numpy().tobytes()).digest()
        if key not in self.recent:
            if len(self.recent) == RECENT:
                del self.recent[next(iter(self.recent))]
            self.recent[key] = self.features(images)
        return self.recent[key][self.layers[metric]]

    @torch.inference_mode()
    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Layer to features of uint8 images, with the channels that the network takes."""
        layers = self.network(with_channels(images, self.channels).contiguous())
        return {name: layer.float().cpu() for name, layer in zip(self.order, layers, strict=True)}


@cache
def extractor(name: str, device: str, file: Path | None = None, digest: str | None = None) -> Extractor:
    """torch-fidelity's extractor of that name on a device, its weights' SHA-256 checked.

    file, digest: weights in place of those in torch's cache, and the SHA-256 to expect of them. UsageError where the
    weights are missing, or others.
    """
    path = weights.find_weights(name, file, digest)
    given = {} if path is None else {"feature_extractor_weights_path": str(path)}
    cls = LocalDinoV2 if name.startswith("dinov2-") else FEATURE_EXTRACTORS_REGISTRY[name]
    layers = {metric: str(cls.get_default_feature_layer_for_metric(metric)) for metric in METRICS}
    return Extractor(name, cls(name, sorted(set(layers.values())), **given).to(device), layers, channels_of(name))
