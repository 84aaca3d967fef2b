"""One cell: a sampler on a model at one budget and one seed, and what identifies it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from benchbox.bench.meter import device_name
from benchbox.bench.nfe import Budgets
from benchbox.bench.saving import Saver
from benchbox.bench.weights import weights_sha256
from benchbox.card import sha256
from benchbox.grid import Grid, Levels
from benchbox.guidance import Guidance
from benchbox.hookspecs import CONTRACT
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.options import KIND_OF, describe
from benchbox.registry import BASES, DISTRIBUTION, own_version, registry
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

DTYPES = {d: getattr(torch, d) for d in ("float16", "bfloat16", "float32", "float64")}


@dataclass(frozen=True)
class Cell:
    """Everything that determines a run; `skip` is the reason why it is not run."""

    sampler: Sampler
    model: Model
    schedule: Schedule
    grid: Grid
    metrics: tuple[Metric, ...]
    seed: int
    n_samples: int
    batch_size: int
    device: str
    dtype: str
    final: str
    nfe_policy: str
    noise_block: int
    noise_device: str | None
    n_levels: int = 0
    nfe_requested: int | None = None
    skip: str | None = None
    save: Saver | None = field(default=None, compare=False)
    guidance: Guidance | None = None
    nfe_of: str = "network"

    @property
    def adaptive(self) -> bool:
        return self.sampler.evals_per_step is None

    @cached_property
    def levels(self) -> Levels:
        return Levels.cut(self.schedule, self.grid, self.n_levels)

    @property
    def nfe_planned(self) -> int | None:
        """The evaluations, of all networks, that the run will spend; None where they are measured."""
        return None if self.adaptive or self.skip else self.budgets.network(self.n_levels)

    @property
    def calls_planned(self) -> int | None:
        """The evaluations of the denoiser, guided or not; None where they are measured."""
        return None if self.adaptive or self.skip else self.budgets.calls(self.n_levels)

    @property
    def budgets(self) -> Budgets:
        return Budgets(self.sampler, self.guidance, self.model, self.schedule, self.grid, self.final)

    @property
    def plugins(self) -> tuple[Any, ...]:
        """The plugins that make its samples."""
        parts = (self.sampler, self.model, self.schedule, self.grid)
        return parts if self.guidance is None else (*parts, self.guidance)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that determines each sample."""
        offer = registry().find("sampler", self.sampler.name)
        return {
            "sampler": self.sampler.name, "sampler_options": dumps(describe(self.sampler)),
            "sampler_package": offer.package, "sampler_version": offer.version,
            "model": self.model.title, "model_options": dumps(describe(self.model)),
            "model_sha256": weights_sha256(self.model),
            "schedule": self.schedule.name, "schedule_options": dumps(describe(self.schedule)),
            "grid": self.grid.name, "grid_options": dumps(describe(self.grid)),
            "seed": self.seed, "dtype": self.dtype, "final": self.final, "guidance": None,
            "benchbox": own_version(), "contract": CONTRACT,
        } | self._guided_by  # fmt: skip

    @property
    def _guided_by(self) -> dict[str, Any]:
        """What a guidance adds to the identity; an unguided cell is what it was before there were any."""
        if self.guidance is None:
            return {}
        offer = registry().find("guidance", self.guidance.name)
        return {
            "guidance": self.guidance.name, "guidance_options": dumps(describe(self.guidance)),
            "guidance_package": offer.package, "guidance_version": offer.version,
        }  # fmt: skip

    @cached_property
    def stream(self) -> str:
        plugins = self.plugins
        extra = {
            "levels": self.n_levels, "noise_block": self.noise_block, "noise_device": self.noise_on.type,
            "packages": sorted({p for plugin in plugins for p in plugin_packages(plugin)}),
            "files": [f for plugin in plugins for f in option_files(plugin)],
        }  # fmt: skip
        guides = [v for v in option_values(self.guidance) if isinstance(v, Model)] if self.guidance else []
        extra |= {"guides": [weights_sha256(guide) for guide in guides]} if guides else {}
        return digest(self.identity | extra)

    @cached_property
    def id(self) -> str:
        asked = self.nfe_requested if self.nfe_of == "network" else f"{self.nfe_of} {self.nfe_requested}"
        return digest([self.stream, asked, self.n_samples, self.batch_size, device_name(self.device)])

    @property
    def noise_on(self) -> torch.device:
        return torch.device(self.noise_device or self.device)

    @property
    def unit(self) -> int:
        """Samples in the least shard: whole batches of whole noise blocks."""
        return self.noise_block if self.adaptive else math.lcm(self.batch_size, self.noise_block)

    @property
    def packages(self) -> list[str]:
        """The packages of everything in it, metrics too."""
        parts = (*self.plugins, *self.metrics)
        return sorted({package.split()[0] for part in parts for package in plugin_packages(part)})

    @property
    def third_parties(self) -> str:
        """The packages, not benchbox's own, whose code a run executes: a comma list, "" where there are none."""
        return ",".join(name for name in self.packages if name != DISTRIBUTION)


def dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def digest(value: Any) -> str:
    return hashlib.sha256(dumps(value).encode()).hexdigest()[:16]


def option_values(plugin: Any) -> Iterator[Any]:
    """The values of a plugin's options, those of nested plugins too."""
    for option in fields(plugin):
        value = getattr(plugin, option.name)
        yield value
        if isinstance(value, tuple(KIND_OF)):
            yield from option_values(value)


def plugin_packages(plugin: Any) -> Iterator[str]:
    """The packages, with their versions, of a plugin and of those among its options."""
    for part in (plugin, *option_values(plugin)):
        kind = next((kind for kind, base in BASES.items() if isinstance(part, base)), None)
        for offer in registry().offers(kind, part.name) if kind else ():
            yield f"{offer.package} {offer.version}"


def option_files(plugin: Any) -> Iterator[str]:
    """The SHA-256 of every file among a plugin's options: other contents are other samples."""
    return (sha256(v) for v in option_values(plugin) if isinstance(v, Path) and v.is_file())
