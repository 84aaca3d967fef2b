"""The network of a card that is not bundled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchbox.models.card_model import CardModel


@dataclass(frozen=True)
class CardFile(CardModel):
    """The network of your own card, as `benchbox train` writes it: --model PATH.json."""

    name = "card"
    path: Path

    @property
    def title(self) -> str:
        return self.card.name

    def card_path(self) -> Path:
        return self.path

    @classmethod
    def hint(cls, path: Path) -> str | None:
        card = path.with_suffix(".json")
        return f"{card}, its card" if path.suffix == ".safetensors" and card.is_file() else None
