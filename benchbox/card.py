"""A model card: JSON beside the safetensors weights, saying what the network is, and of what and how it was made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from benchbox.errors import UsageError

FORMAT = 1


@dataclass(frozen=True)
class Card:
    """Everything needed to load a network and to run it as a model; `sha256` is that of the weights' file.

    `plugin` is the model plugin that reads the card; `reference` the file of the statistics of its training images,
    for the metrics that compare features. Weights and reference lie beside the card.
    """

    name: str
    dataset: str
    licence: str
    shape: list[int]
    data_range: list[float]
    architecture: dict[str, Any]
    prediction: str
    schedule: dict[str, Any]
    sigma_data: float
    continuous: bool = False
    grid: str = "uniform"
    features: str | None = None
    reference: str | None = None
    metrics: list[str] = field(default_factory=lambda: ["sw2"])
    training: dict[str, Any] = field(default_factory=dict)
    weights: str = ""
    sha256: str = ""
    plugin: str = "card"
    format: int = FORMAT

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def read_card(path: Path) -> Card:
    """The card in a JSON file. UsageError where it is missing or is no card."""
    try:
        values = json.loads(path.read_text())
        known = {f.name for f in fields(Card)}
        return Card(**{k: v for k, v in values.items() if k in known})
    except FileNotFoundError:
        raise UsageError(f"there is no model card at {path}.") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is not a model card: {error}.") from None


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checked(path: Path, digest: str, what: str) -> Path:
    """The path, once its file is there and has the SHA-256; UsageError otherwise."""
    if not path.is_file():
        raise UsageError(f"{what} is missing: put the file with SHA-256 {digest} at {path}.")
    if (found := sha256(path)) != digest:
        raise UsageError(
            f"{what} at {path} has SHA-256 {found} where {digest} was expected: it was changed or damaged."
        )
    return path
