"""The model plugin: a network of NVIDIA, pickled or converted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import benchbox
from benchbox import Model, Schedule
from benchbox.card import read_card, sha256, verified_file
from benchbox.errors import UsageError
from benchbox.files import reading, tensors_in

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchbox.card import Card
    from benchbox_edm.pickles import Pickled


class Facts(NamedTuple):
    """Metadata of a network."""

    name: str
    dataset: str
    shape: tuple[int, ...]
    data_range: tuple[float, float] | None
    classes: int
    sigmas: tuple[float, float]
    sha256: str


@dataclass(frozen=True)
class NvidiaEDM(Model):
    """A network of EDM or EDM2 (Karras et al. 2022, 2024): --model nvidia-edm:FILE, a pickle or a converted card.

    A pickle is code: it is loaded only with trust_pickle=true. expect_sha256: refuse a file with another SHA-256.
    dataset: the name of the data set (default: as stated in the file). features: the extractor for FID. Sample i of a
    class-conditional network has class i mod classes. The network computes in float32.
    """

    name = "nvidia-edm"
    file: Path
    trust_pickle: bool = False
    expect_sha256: str | None = None
    dataset: str = ""
    features: str | None = None

    def __post_init__(self) -> None:
        if not self.file.is_file():
            raise UsageError(f"there is no file {self.file}.")
        if not self.is_card and not self.trust_pickle:
            raise UsageError(
                f"{self.file} is a pickle, and loading a pickle runs the code in it: if you trust its source, "
                "add --set trust_pickle=true, or convert it once with benchbox-edm-convert."
            )
        if self.expect_sha256:
            verified_file(self.file, self.expect_sha256.lower(), "the network")
        object.__setattr__(self, "dataset", self.dataset or self.facts.dataset)

    @classmethod
    def hint(cls, path: Path) -> str | None:
        if path.suffix != ".pkl":
            return None
        convert = f"benchbox-edm-convert {path} -o models --trust-pickle"
        return f"models/{path.stem}.json after `{convert}`, if you trust the source of the pickle"

    @property
    def is_card(self) -> bool:
        return self.file.suffix == ".json"

    @cached_property
    def converted(self) -> Card:
        """The card that the conversion wrote."""
        return read_card(self.file)

    @cached_property
    def pickled(self) -> Pickled:
        from benchbox_edm.pickles import load

        return load(self.file)

    def __getstate__(self) -> dict[str, Any]:
        """Without the network, whose class other processes cannot import: they load it again."""
        return {k: v for k, v in vars(self).items() if k != "pickled"}

    @cached_property
    def facts(self) -> Facts:
        if not self.is_card:
            pickled = self.pickled
            data_range = None if pickled.latent else (-1.0, 1.0)
            digest = sha256(self.file)
            name = self.file.stem
            return Facts(
                f"nvidia-edm:{name}",
                pickled.dataset or name,
                pickled.shape,
                data_range,
                pickled.classes,
                pickled.sigmas,
                digest,
            )
        card = self.converted
        with reading(self.file, "a card of benchbox-edm-convert"):
            low, high = float(card.schedule["sigma_min"]), float(card.schedule["sigma_max"])
        data_range = None if card.training.get("latent") else (card.data_range[0], card.data_range[1])
        classes = int(card.architecture.get("label_dim", 0))
        return Facts(card.name, card.dataset, tuple(card.shape), data_range, classes, (low, high), card.sha256)

    @property
    def title(self) -> str:
        return self.facts.name

    @property
    def shape(self) -> tuple[int, ...]:
        return self.facts.shape

    @property
    def sha256(self) -> str:
        return self.facts.sha256

    @cached_property
    def schedule(self) -> Schedule:
        low, high = self.facts.sigmas
        schedule: Schedule = benchbox.get("schedule", "edm", sigma_min=low, sigma_max=high)
        return schedule

    @property
    def grid(self) -> str:
        return "karras"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("fid",) if self.features else ()

    @property
    def data_range(self) -> tuple[float, float] | None:
        return self.facts.data_range

    @property
    def prediction(self) -> Any:
        return "x0"

    @property
    def learned_variance(self) -> bool:
        """Of a converted iDDPM network. NVIDIA's pickled class drops the variance."""
        return self.is_card and self.converted.architecture.get("precond") == "iDDPMPrecond"

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        """Sample i has class i mod classes."""
        return {"label": index % self.facts.classes} if self.facts.classes else {}

    def network(self, device: Any) -> nn.Module:
        from benchbox_edm.denoiser import AtTime, with_weights

        if self.is_card:
            title = f"the weights of {self.title}"
            weights = verified_file(self.file.parent / self.converted.weights, self.converted.sha256, title)
            net = with_weights(self.converted.architecture, tensors_in(weights), title)
        else:
            from benchbox_edm.pickles import FromPickle

            net = FromPickle(self.pickled.net, self.facts.classes)
        return AtTime(net, self.facts.sigmas[1], self.learned_variance).to(device)
