"""Feature extractors: those of torch-fidelity, and the bundled `mnist-cnn` registered with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.feature_extractor_dinov2 import FeatureExtractorDinoV2
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from benchbox.errors import UsageError
from benchbox.inputs.pixels import with_channels
from benchbox.metrics import weights
from benchbox.metrics.extractors import resize_of
from benchbox.metrics.mnist_cnn import MnistCNN
from benchbox.nets.loading import fill

METRICS = ("fid", "kid", "isc", "prc")
"""Metrics, by torch-fidelity's names, for which an extractor has a default layer."""

RECENT = 32
"""Chunks of images whose features are cached for the next metric: a batch of 2,048 images in chunks of 64."""


class LocalDinoV2(FeatureExtractorDinoV2):  # type: ignore[misc]  # torch-fidelity has no types
    """torch-fidelity's DINOv2. The network is built by the DINOv2 code in torch's cache; nothing is downloaded."""

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


def channels_of(name: str) -> int:
    """Input channels of an extractor's network: the `channels` of its class, by default 3."""
    return int(getattr(FEATURE_EXTRACTORS_REGISTRY[name], "channels", 3))


if weights.BUNDLED not in FEATURE_EXTRACTORS_REGISTRY:
    register_feature_extractor(weights.BUNDLED, MnistCNN)


class Extractor:
    """Maps images to features, by a network with torch-fidelity's interface.

    The features of the last `RECENT` chunks of images are cached, so that metrics share the network's evaluations.
    """

    def __init__(
        self, name: str, network: Callable[[Tensor], tuple[Tensor, ...]], layers: dict[str, str], channels: int = 3
    ) -> None:
        """layers: metric (of `METRICS`) to layer; the network returns the distinct layers in order of their names.

        channels: input channels of the network, 1 or 3.
        """
        self.name, self.network, self.layers, self.channels = name, network, layers, channels
        self.order = sorted(set(layers.values()))
        self.recent: dict[bytes, dict[str, Tensor]] = {}

    def __call__(self, images: Tensor, metric: str) -> Tensor:
        """The features (n, dim) that a metric uses, float32 on the CPU, of uint8 images (n, channels, h, w)."""
        key = hashlib.blake2b(images.cpu().numpy().tobytes()).digest()
        if key not in self.recent:
            if len(self.recent) == RECENT:
                del self.recent[next(iter(self.recent))]
            self.recent[key] = self.features(images)
        return self.recent[key][self.layers[metric]]

    @property
    def resize(self) -> str:
        return resize_of(self.name)

    @torch.inference_mode()
    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Features of uint8 images by layer."""
        layers = self.network(with_channels(images, self.channels).contiguous())
        return {name: layer.float().cpu() for name, layer in zip(self.order, layers, strict=True)}


@cache
def extractor(name: str, device: str, file: Path | None = None, digest: str | None = None) -> Extractor:
    """torch-fidelity's extractor of that name on a device, after the SHA-256 of its weights is checked.

    file, digest: weights used in place of those in torch's cache, and their expected SHA-256. UsageError where the
    weights are missing or do not match.
    """
    path = weights.find_weights(name, file, digest)
    options = {} if path is None else {"feature_extractor_weights_path": str(path)}
    cls = LocalDinoV2 if name.startswith("dinov2-") else FEATURE_EXTRACTORS_REGISTRY[name]
    layers = {metric: str(cls.get_default_feature_layer_for_metric(metric)) for metric in METRICS}
    return Extractor(name, cls(name, sorted(set(layers.values())), **options).to(device), layers, channels_of(name))
