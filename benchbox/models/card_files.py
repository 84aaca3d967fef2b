"""The files of a model card: weights, reference, and the autoencoder of a latent model."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchbox.autoencoder_card import AutoencoderCard, load_autoencoder, read_autoencoder_card
from benchbox.card import Card, read_card, verified_file
from benchbox.errors import UsageError
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor


class CardFiles(Model):
    """A model of the files that a card names; the SHA-256 of weights is checked before they are loaded."""

    @abstractmethod
    def card_path(self) -> Path:
        """The file of the card; the files that it names are in the same folder."""

    def beside(self, name: str) -> Path:
        """A file in the folder of the card."""
        return self.card_path().parent / name

    @cached_property
    def card(self) -> Card:
        return read_card(self.card_path())

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.card.shape)

    @property
    def reference(self) -> str | None:
        return str(self.beside(self.card.reference)) if self.card.reference else None

    @cached_property
    def sha256(self) -> str:
        """Of the weights; of a latent model, a hash of that and of its autoencoder's."""
        if self.autoencoder is None:
            return self.card.sha256
        return hashlib.sha256(f"{self.card.sha256} {self.autoencoder.sha256}".encode()).hexdigest()

    def weights(self) -> Path:
        """The file of the weights. UsageError where it is missing or does not have the SHA-256 in the card."""
        return verified_file(self.beside(self.card.weights), self.card.sha256, f"the weights of model {self.card.name}")

    @cached_property
    def autoencoder(self) -> AutoencoderCard | None:
        """The autoencoder whose latents the network makes. UsageError where its card is missing or does not fit."""
        if self.card.autoencoder is None:
            return None
        card = read_autoencoder_card(self.beside(self.card.autoencoder))
        if card.latent_shape != self.card.shape:
            raise UsageError(
                f"model {self.card.name} makes latents of {self.card.shape}, and its autoencoder {card.name} takes "
                f"{card.latent_shape}."
            )
        return card

    @property
    def latent(self) -> bool:
        return self.card.autoencoder is not None

    @property
    def data_shape(self) -> tuple[int, ...]:
        return self.shape if self.autoencoder is None else tuple(self.autoencoder.shape)

    def decode(self, x: Tensor) -> Tensor:
        if self.autoencoder is None:
            return x
        path = self.beside(str(self.card.autoencoder))
        decoder = load_autoencoder(path, self.autoencoder.sha256, str(x.device))
        return decoder.decode(x.float()).to(x.dtype)
