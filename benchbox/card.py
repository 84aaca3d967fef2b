"""Model cards: JSON beside the safetensors weights, with the architecture and the training of a network."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, get_args, get_type_hints

from benchbox.atomic import output
from benchbox.errors import UsageError
from benchbox.files import fits_type, json_in, reading, type_name
from benchbox.model import Prediction

CARD_FORMAT = 1

LATENT_FORMAT = JUMPING_FORMAT = 2
"""The format of a card of latents, which earlier versions of benchbox would take for images, and of one that jumps,
which they would take for a denoiser."""

MOST_IMAGE_SIDE = 2**20
"""The largest size of a sample in one dimension."""


class ValidatedCard(Protocol):
    """A card, a dataclass that says what is wrong with it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def fault(self) -> str | None:
        """What is wrong with a value of the right type; None where the card is valid."""


@dataclass(frozen=True)
class Card:
    """All that is needed to load a network and to run it as a model; `sha256` is the checksum of the weights.

    `plugin` is the model plugin that reads the card; `reference` the file with the statistics of its training images,
    for the metrics that compare features; `problem` the inverse problem whose measurement the network takes;
    `autoencoder` the card of the autoencoder whose latents the network makes, of `shape`; `jumps` the kind of jump that
    a distilled network was trained for. Weights, reference and autoencoder are in the folder of the card.
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
    problem: dict[str, Any] | None = None
    autoencoder: str | None = None
    jumps: str | None = None
    plugin: str = "card"
    format: int = CARD_FORMAT

    def write(self, path: Path) -> None:
        """Write the card atomically. UsageError where it cannot be written."""
        with output(path) as file:
            file.write((json.dumps(asdict(self), indent=2) + "\n").encode())

    def fault(self) -> str | None:
        """What is wrong with a value of the right type; None where the card is valid."""
        if self.format > LATENT_FORMAT:
            return f"its format {self.format} is newer than this benchbox's {LATENT_FORMAT}"
        if not self.shape or min(self.shape) < 1 or max(self.shape) > MOST_IMAGE_SIDE:
            return f"its shape is {self.shape}, where sizes of at least 1 are needed"
        if len(self.data_range) != 2 or self.data_range[0] >= self.data_range[1]:
            return f"its data_range is {self.data_range}, where [low, high] is needed"
        if self.sigma_data <= 0:
            return f"its sigma_data is {self.sigma_data}, where a number above 0 is needed"
        if self.jumps not in (None, "consistency"):
            return f"its jumps is {self.jumps!r}, where null or 'consistency' is needed"
        if self.prediction not in get_args(Prediction):
            return f"its prediction is {self.prediction!r}, where one of {', '.join(get_args(Prediction))} is needed"
        return None if isinstance(self.schedule.get("name"), str) else "its schedule has no name"


AnyCard = TypeVar("AnyCard", bound="ValidatedCard")


def read_card(path: Path) -> Card:
    """The card in a JSON file. UsageError where the file is missing or not a card."""
    return read_as(Card, path, "a model card")


def read_as(kind: type[AnyCard], path: Path, expected: str) -> AnyCard:
    """The card of that kind in a JSON file. UsageError where the file is missing or something else."""
    values = json_in(path, expected)
    with reading(path, expected):
        if not isinstance(values, dict):
            raise ValueError("it is not a JSON object")
        types = get_type_hints(kind)
        card_fields = {name: value for name, value in values.items() if name in types}
        for name, value in card_fields.items():
            if not fits_type(value, types[name]):
                raise ValueError(f"its {name} is {json.dumps(value)[:60]}, which is not {type_name(types[name])}")
        needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
        if missing := sorted(needed - card_fields.keys()):
            raise ValueError(f"it has no {', '.join(missing)}")
        card = kind(**card_fields)
        if fault := card.fault():
            raise ValueError(fault)
        return card


def known_sha256(path: Path) -> str:
    """The SHA-256 of a file, computed again only where its size or modification time has changed."""
    stat = path.stat()
    return _cached_sha256(path.resolve(), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _cached_sha256(path: Path, modified: int, size: int) -> str:
    return sha256(path)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified_file(path: Path, digest: str, title: str) -> Path:
    """The path, if its file exists and has the SHA-256; else UsageError, which calls the file by `title`."""
    if not path.is_file():
        raise UsageError(f"{title} is missing: put the file with SHA-256 {digest} at {path}.")
    if (actual := sha256(path)) != digest:
        raise UsageError(
            f"{title} at {path} has SHA-256 {actual} where {digest} was expected: it was changed or damaged."
        )
    return path
