"""Images, extractors and references for the tests of image metrics."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

import benchbox
from benchbox.inputs.pixels import to_uint8
from benchbox.metric import Accumulator, Metric
from benchbox.metrics.features import Extractor
from benchbox.metrics.reference import Reference, write_reference
from benchbox.metrics.reference_images import make_reference

RANGE = (-1.0, 1.0)


class Images(Dataset[Tensor]):
    """uint8 images of three channels, as torch-fidelity reads them from files."""

    def __init__(self, x: Tensor) -> None:
        self.images = to_uint8(x, RANGE).expand(-1, 3, -1, -1)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor:
        return self.images[i]


def blobs(n: int, seed: int, size: int = 28) -> Tensor:
    """Smooth random grey images in [−1.2, 1.2]: some pixels are clipped."""
    z = torch.randn(n, 1, 7, 7, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(z, size=size, mode="bilinear").clamp(-1.2, 1.2)


def model(size: int = 28) -> Any:
    """A model, exact, whose samples are grey images."""
    ones = ":".join(["1"] * size**2)
    options = {"mean": "0", "eigenvalues": ones, "sample_shape": f"1:{size}:{size}", "data_range": "-1:1"}
    return benchbox.get("model", "gaussian", **options)


def fed(metric: Metric, x: Tensor, batch_size: int) -> Accumulator:
    """The metric's accumulator after these images, in batches, the last one smaller."""
    context: Any = type("Context", (), {"model": model(x.shape[-1]), "device": torch.device("cpu")})
    metric.check(context.model)
    accumulator = metric.start(context)
    for index in torch.arange(len(x)).split(batch_size):
        accumulator.update(x[index], index)
    return accumulator


def written(path: Path, x: Tensor, extract: Extractor) -> Path:
    """A reference of images, with all their features."""
    write_reference(path, make_reference(to_uint8(x, RANGE).numpy(), extract, keep=len(x), dataset="blobs", split="a"))
    return path


def inception_weights(path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Seeded random weights for torch-fidelity's Inception, in a file; their SHA-256."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3 as Inception

    torch.save({}, path)
    with monkeypatch.context() as patch:
        patch.setattr(Inception, "load_state_dict", lambda *_: None)
        state = Inception("inception-v3-compat", ["2048"], str(path)).state_dict()
    generator = torch.Generator().manual_seed(0)
    for value in state.values():
        if value.ndim > 1:
            # so that the size of activations stays the same from layer to layer
            value.normal_(0, math.sqrt(2 / value[0].numel()), generator=generator)
    torch.save(state, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Fake:
    """A network whose features of an image are its pixels; it counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        self.calls += 1
        return (images[:, 0].flatten(1).float(),)


def fake_extractor() -> Extractor:
    return Extractor("fake", Fake(), dict.fromkeys(("fid", "kid", "isc", "prc"), "pixels"))


def standard(dim: int) -> Reference:
    """The reference N(0, I)."""
    return Reference(np.zeros(dim), np.eye(dim), n=10**6, features="fake")
