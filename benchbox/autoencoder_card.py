"""Autoencoders of latent models: JSON cards beside safetensors weights, as `benchbox train --latent` writes them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.atomic import output
from benchbox.card import LATENT_FORMAT, read_as, verified_file
from benchbox.files import reading, tensors_in

if TYPE_CHECKING:
    from benchbox.nets.autoencoder import Autoencoder

EXPECTED_AUTOENCODER = "the card of an autoencoder"


@dataclass(frozen=True)
class AutoencoderCard:
    """All that is needed to load an autoencoder of images; the weights are in the folder of the card.

    shape, latent_shape: of an image and of its latents. reconstruction: the root mean square error of a decoded pixel
    in [−1, 1], over training images.
    """

    name: str
    dataset: str
    licence: str
    shape: list[int]
    latent_shape: list[int]
    data_range: list[float]
    architecture: dict[str, Any]
    reconstruction: float
    training: dict[str, Any]
    weights: str
    sha256: str
    format: int = LATENT_FORMAT
    kind: str = field(default="autoencoder")

    def fault(self) -> str | None:
        """What is wrong with a value of the right type; None where the card is valid."""
        if self.format > LATENT_FORMAT:
            return f"its format {self.format} is newer than this benchbox's {LATENT_FORMAT}"
        if len(self.shape) != 3 or len(self.latent_shape) != 3 or min(self.shape + self.latent_shape) < 1:
            return f"its shapes are {self.shape} and {self.latent_shape}, where three sizes of at least 1 are needed"
        return None

    def write(self, path: Path) -> None:
        """Write the card atomically. UsageError where it cannot be written."""
        with output(path) as file:
            file.write((json.dumps(asdict(self), indent=2) + "\n").encode())


def read_autoencoder_card(path: Path) -> AutoencoderCard:
    """The card in a JSON file. UsageError where the file is missing or something else."""
    return read_as(AutoencoderCard, path, EXPECTED_AUTOENCODER)


@lru_cache(maxsize=4)
def load_autoencoder(path: Path, sha256: str, device: str) -> Autoencoder:
    """The autoencoder of a card, loaded once per process and device; its weights must have this SHA-256."""
    import torch

    from benchbox.nets.autoencoder import Autoencoder
    from benchbox.nets.loading import fill

    card = read_autoencoder_card(path)
    title = f"the weights of autoencoder {card.name}"
    tensors = tensors_in(verified_file(path.parent / card.weights, sha256, title))
    with torch.inference_mode(False):  # gradients may be taken through the decoder later
        with reading(path, EXPECTED_AUTOENCODER):
            net = Autoencoder(**card.architecture)
        return fill(net, tensors, title).to(device).eval().requires_grad_(False)
