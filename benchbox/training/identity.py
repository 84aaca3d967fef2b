"""The identity of a training: what determines its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor

from benchbox.training.losses import TrainingLoss
from benchbox.training.recipe import Recipe


def tensor_digest(tensor: Tensor | None) -> str | None:
    """The first digits of the SHA-256 of a tensor's shape and values."""
    if tensor is None:
        return None
    values = tensor.cpu().contiguous().numpy()
    return hashlib.sha256(str(values.shape).encode() + values.tobytes()).hexdigest()[:16]


def training_identity(
    loss: TrainingLoss, recipe: Recipe, images: Tensor, labels: Tensor | None, architecture: Mapping[str, Any]
) -> dict[str, Any]:
    """All settings that determine the trained weights, up to rounding errors of the machine, as JSON values."""
    network = {f"network.{k}": v for k, v in architecture.items()}
    data = {"images": tensor_digest(images), "labels": tensor_digest(labels)}
    return json.loads(json.dumps(data | loss.identity | network | asdict(recipe)))
