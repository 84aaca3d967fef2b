"""What is known of a feature extractor by its name, before its network and torch-fidelity are loaded."""

from __future__ import annotations

from benchbox.errors import unknown
from benchbox.metrics import weights

SHAPES = {weights.BUNDLED: (28, 28)}
"""Extractors that take images of one size only; the others resize."""


def resize_of(name: str) -> str:
    """The resize mode of an extractor: none, or TensorFlow 1's bilinear rule as in torch-fidelity."""
    return "none" if name in SHAPES else "bilinear-tf1" if name in weights.known_weights() else "its own"


def accepts(name: str, shape: tuple[int, ...]) -> str | None:
    """Why the extractor does not accept images of (channels, height, width); None where it does."""
    if name != weights.BUNDLED:
        from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

        if name not in FEATURE_EXTRACTORS_REGISTRY:
            raise unknown("feature extractor", name, {*FEATURE_EXTRACTORS_REGISTRY, weights.BUNDLED})
    if name in SHAPES and shape[1:] != SHAPES[name]:
        return f"{name} takes {SHAPES[name][0]}×{SHAPES[name][1]} images, not {shape[1]}×{shape[2]}."
    if shape[0] not in (1, 3):
        return f"{name} takes images of 1 or 3 channels, not {shape[0]}."
    return None
