"""A sweep as the user asks for it, and its configuration, which is stored with the results."""

from __future__ import annotations

import errno
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchbox.atomic import write_whole
from benchbox.bench.cell import Cell
from benchbox.bench.saver import Saver
from benchbox.bench.settings import Setting
from benchbox.commas import MOST_NUMBERS
from benchbox.errors import UsageError, unknown
from benchbox.files import why
from benchbox.guidance import Guidance
from benchbox.options import describe, json_value
from benchbox.plugin import OWN_VERSION
from benchbox.problem import Problem
from benchbox.store.paths import digest, dumps, opened, path_of

DEFAULT_MODEL = "mnist-edm"

ALLOWED_WORDS: dict[str, Collection[str]] = {
    "dtype": ("float16", "bfloat16", "float32", "float64"), "final": ("denoise", "none"),
    "nfe_policy": ("floor", "exact", "skip"), "nfe_of": ("network", "denoiser"),
}  # fmt: skip
"""The valid words of a request."""


@dataclass(frozen=True)
class Request:
    """A sweep as the user asks for it: names, budgets and settings. The sweep is the product of all lists."""

    samplers: Sequence[str]
    nfe: Sequence[int] = ()
    models: Sequence[str] = (DEFAULT_MODEL,)
    schedules: Sequence[str] = ()
    grids: Sequence[str] = ()
    metrics: Sequence[str] | None = None
    n_samples: int = 1000
    batch_size: int = 64
    seeds: Sequence[int] = (0,)
    device: str = "cpu"
    dtype: str = "float32"
    settings: Sequence[Setting] = ()
    nfe_policy: str = "floor"
    final: str = "denoise"
    noise_block: int = 16  # `benchbox.noise.BLOCK`, whose module imports torch
    noise_device: str | None = None
    save: Saver | None = None
    guidances: Sequence[str | Guidance] = ()
    nfe_of: str = "network"
    problems: Sequence[str | Problem] = ()
    measurements: int = 1
    compile: bool = False
    channels_last: bool = False

    def check(self) -> None:
        """UsageError for a number or a word that is not valid."""
        for field in ("n_samples", "batch_size", "noise_block", "measurements"):
            if getattr(self, field) < 1:
                raise UsageError(f"{field} is {getattr(self, field)}: it must be at least 1.")
        if self.measurements > 1 and not self.problems:
            raise UsageError(f"measurements is {self.measurements}, and there is no inverse problem: give --problem.")
        if self.n_samples < self.measurements:
            raise UsageError(
                f"{self.n_samples} samples are too few for {self.measurements} measurements: give at least one each."
            )
        for nfe in self.nfe:
            if nfe != int(nfe) or nfe > MOST_NUMBERS:
                raise UsageError(f"an NFE of {nfe} is not valid: give an integer of at most {MOST_NUMBERS}.")
        for seed in self.seeds:
            if not 0 <= seed < 2**63:
                raise UsageError(f"seed {seed} is not valid: give an integer from 0 to 2**63 − 1.")
        for field, valid in ALLOWED_WORDS.items():
            if (word := getattr(self, field)) not in valid:
                raise unknown(field, str(word), valid)


CONFIGURATION_FORMAT = 1
FOLDER = "sweeps"

Configuration = dict[str, Any]
"""The request, and all plugins with their options."""


def resolved(request: Request, cells: Sequence[Cell]) -> Configuration:
    """The request, and every plugin of its cells with all its options, as JSON values."""
    request_fields = {f.name: getattr(request, f.name) for f in fields(request) if f.name not in ("settings", "save")}
    for kind in ("guidances", "problems"):
        request_fields[kind] = [g if isinstance(g, str) else g.name for g in getattr(request, kind)]
    settings = [
        {"prefix": s.prefix, "option": s.option, "values": list(map(json_value, s.values))} for s in request.settings
    ]
    plugins = {
        "models": [{"name": cell.model.title, **describe(cell.model)} for cell in cells],
        **{f"{kind}s": [json_value(getattr(cell, kind)) for cell in cells] for kind in ("sampler", "schedule", "grid")},
        "guidances": [{"name": g.name, **describe(g)} for cell in cells if (g := cell.guidance)],
        "problems": [{"name": p.name, **describe(p)} for cell in cells if (p := cell.problem)],
        "metrics": [{"name": metric.name, **describe(metric)} for cell in cells for metric in cell.metrics],
    }
    unique = {
        kind: list({dumps(values): values for values in described}.values()) for kind, described in plugins.items()
    }
    configuration = {"request": request_fields | {"settings": settings}, "plugins": unique}
    as_read_back: Configuration = json.loads(json.dumps(configuration))
    return {"format": CONFIGURATION_FORMAT, "benchbox": OWN_VERSION, **as_read_back}


def save_configuration(configuration: Configuration, directory: Path) -> str:
    """Write a configuration into a results directory, unless it exists; its id, a hash. OSError."""
    name = digest(configuration)
    refuse_link(directory)
    path = path_of(directory / FOLDER, name, ".json")
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        text = json.dumps(configuration, indent=1, ensure_ascii=False) + "\n"
        write_whole(path, lambda file: file.write(text.encode()))
    return name


def refuse_link(directory: Path) -> None:
    """OSError where the folder of configurations is a link, which might point outside the results directory."""
    if (directory / FOLDER).is_symlink():
        raise OSError(errno.ELOOP, f"{FOLDER} is a link")


def load_configuration(directory: Path, name: str) -> Configuration:
    """The configuration with an id in a results directory. UsageError where it is missing or was changed."""
    try:
        refuse_link(directory)
        with opened(path_of(directory / FOLDER, name, ".json")) as file:
            configuration: Configuration = json.loads(file.read())
        intact = isinstance(configuration, dict) and digest(configuration) == name
    except FileNotFoundError:
        raise UsageError(f"there is no configuration {name} in {directory}.") from None
    except Exception as error:
        raise UsageError(f"configuration {name!r} in {directory} cannot be read: {why(error)}.") from None
    if not intact:
        raise UsageError(f"configuration {name} in {directory} was changed or damaged: its hash differs.")
    if configuration.get("format") != CONFIGURATION_FORMAT:
        raise UsageError(f"configuration {name} in {directory} was written by another version of benchbox.")
    return configuration
