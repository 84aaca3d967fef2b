"""Files of tuned levels, as `benchbox tune` writes them and `--grid file:FILE` reads them."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.errors import UsageError
from benchbox.files import json_in, reading
from benchbox.grid import Grid
from benchbox.options import default_values, describe

if TYPE_CHECKING:
    from benchbox.guidance import Guidance
    from benchbox.model import Model
    from benchbox.sampler import Sampler
    from benchbox.schedule import Schedule

TUNED_FORMAT = "benchbox tuned levels 1"
EXPECTED = "a file of benchbox tune"

Described = dict[str, Any]
"""A plugin as JSON: its name and its options; a model also has `sha256`."""


@dataclass(frozen=True)
class TunedLevels:
    """The levels of one sampler at one budget, how they were made, and what they are worth.

    held_out: errors of the tuned and of untuned grids on samples that had no part in the tuning, and their ratio.
    """

    sampler: Described
    nfe: int
    sigmas: tuple[float, ...]
    method: str
    evaluations: int
    seed: int
    samples: int
    held_out: dict[str, Any]
    command: str = ""

    @property
    def label(self) -> str:
        return self.sampler["label"]


@dataclass(frozen=True)
class TunedFile:
    """What a file holds: the model, the schedule and the guidance (None: none), and levels for samplers and budgets."""

    model: Described
    schedule: Described
    guidance: Described | None
    levels: tuple[TunedLevels, ...] = field(default=())

    def text(self) -> str:
        return json.dumps({"format": TUNED_FORMAT} | asdict(self), indent=1, ensure_ascii=False) + "\n"

    def of(self, label: str) -> list[TunedLevels]:
        """The levels of a sampler, smallest budget first."""
        return sorted((levels for levels in self.levels if levels.label == label), key=lambda levels: levels.nfe)


def described(plugin: Any) -> Described:
    """A plugin as a file states it."""
    return {"name": getattr(plugin, "title", plugin.name), "options": describe(plugin)}


def described_model(model: Any) -> Described:
    return described(model) | {"sha256": model.sha256}


def described_sampler(sampler: Any) -> Described:
    return described(sampler) | {"label": sampler_label(sampler)}


def sampler_label(sampler: Any) -> str:
    """A sampler with its options that are not at their defaults, such as `unipc order=2`."""
    defaults = default_values(type(sampler))
    changed = {name: value for name, value in describe(sampler).items() if defaults.get(name) != value}
    return " ".join([sampler.name, *(f"{name}={value}" for name, value in changed.items())])


def read_tuned(path: Path) -> TunedFile:
    """The contents of a file of tuned levels. UsageError for any other file."""
    try:
        stat = path.stat()
    except OSError:
        raise UsageError(f"there is no file {path}.") from None
    return _read_tuned(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _read_tuned(path: Path, *state: int) -> TunedFile:
    value = json_in(path, EXPECTED)
    with reading(path, EXPECTED):
        if not isinstance(value, Mapping) or value.get("format") != TUNED_FORMAT:
            raise ValueError(f'its "format" is not "{TUNED_FORMAT}"')
        levels = tuple(_levels(entry) for entry in value["levels"])
        if not levels:
            raise ValueError("it holds no levels")
        return TunedFile(value["model"], value["schedule"], value["guidance"], levels)


def _levels(entry: Mapping[str, Any]) -> TunedLevels:
    levels = TunedLevels(**{**entry, "sigmas": tuple(map(float, entry["sigmas"]))})
    decreasing = all(a > b > 0 for a, b in zip(levels.sigmas, levels.sigmas[1:], strict=False))
    if not levels.sigmas or not decreasing:
        raise ValueError(f"the levels for {levels.label} at {levels.nfe} are not positive and decreasing")
    return levels


class RunGrid(Grid):
    """A grid that depends on more of a run than its schedule, as tuned levels do; a run completes it."""

    @abstractmethod
    def for_run(self, sampler: Sampler, model: Model, schedule: Schedule, guidance: Guidance | None) -> Grid:
        """The grid as a run with these uses it."""
