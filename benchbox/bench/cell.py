"""One cell: a sampler on a model at one budget and one seed, and its identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.acceleration import PLAIN, Acceleration
from benchbox.bench.hardware import device_name
from benchbox.bench.identity import network_columns, plugin_columns, weights_sha256
from benchbox.bench.provenance import plugin_packages
from benchbox.bench.saver import Saver
from benchbox.card import sha256
from benchbox.grid import Grid, Levels
from benchbox.guidance import Guidance, guided_levels
from benchbox.hookspecs import CONTRACT
from benchbox.measurement import Measurements
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.options import describe, option_values
from benchbox.problem import Problem
from benchbox.registry import OWN_VERSION, registry
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule
from benchbox.store.paths import digest, dumps

if TYPE_CHECKING:
    from benchbox.denoiser import Denoiser


@dataclass(frozen=True)
class Cell:
    """All settings of a run; `skip` is the reason why it is not run.

    nfe_planned, calls_planned: the evaluations per sample that the run will spend, of all networks and of the denoiser,
    guided or not; None for an adaptive sampler.
    """

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
    noise_device: str
    n_levels: int = 0
    nfe_requested: int | None = None
    skip: str | None = None
    save: Saver | None = field(default=None, compare=False)
    guidance: Guidance | None = None
    nfe_of: str = "network"
    nfe_planned: int | None = None
    calls_planned: int | None = None
    problem: Problem | None = None
    measurements: int = 1
    acceleration: Acceleration = PLAIN

    @property
    def adaptive(self) -> bool:
        return self.sampler.evals_per_step is None

    @cached_property
    def levels(self) -> Levels:
        return guided_levels(self.guidance, Levels.cut(self.schedule, self.grid, self.n_levels))

    @property
    def plugins(self) -> tuple[Any, ...]:
        plugins = (self.sampler, self.model, self.schedule, self.grid, self.guidance, self.problem)
        return tuple(plugin for plugin in plugins if plugin is not None)

    @cached_property
    def measured(self) -> Measurements | None:
        """The measurements of its problem; None where it has none."""
        if self.problem is None:
            return None
        import torch

        from benchbox.bench.truths import measure

        dtype = torch.float64 if self.dtype == "float64" else torch.float32
        return measure(self.problem, self.model, self.measurements, self.seed, self.device, dtype)

    def denoiser(self) -> Denoiser:
        """The model's denoiser, loaded once per process for all cells that use it, with this cell's measurements."""
        from benchbox.denoiser import loaded_denoiser  # here: it imports torch, which planning does without

        denoiser = loaded_denoiser(self.model, self.device, self.dtype, self.acceleration)
        denoiser.pose(self.measured)
        return denoiser

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The columns that determine each sample."""
        offer = registry().find("sampler", self.sampler.name)
        return {
            "sampler": self.sampler.name, "sampler_options": dumps(describe(self.sampler)),
            "sampler_package": offer.package, "sampler_version": offer.version,
            "model": self.model.title, "model_options": dumps(describe(self.model)),
            "model_sha256": weights_sha256(self.model),
            "schedule": self.schedule.name, "schedule_options": dumps(describe(self.schedule)),
            "grid": self.grid.name, "grid_options": dumps(describe(self.grid)),
            "seed": self.seed, "dtype": self.dtype, "final": self.final, "guidance": None,
            "benchbox": OWN_VERSION, "contract": CONTRACT,
            **({"measurements": self.measurements} if self.problem else {}),
            **network_columns(self.model, self.device, self.dtype, self.acceleration),
        } | plugin_columns("guidance", self.guidance) | plugin_columns("problem", self.problem)  # fmt: skip

    @cached_property
    def stream(self) -> str:
        """The id of the sequence of samples; cells that differ in the number of samples only share it."""
        extra = {
            "levels": self.n_levels, "noise_block": self.noise_block, "noise_device": self.noise_kind,
            "packages": sorted({p for plugin in self.plugins for p in plugin_packages(plugin)}),
            "files": [sha256(v) for p in self.plugins for v in option_values(p) if isinstance(v, Path) and v.is_file()],
        }  # fmt: skip
        extra |= {"through": self.guidance.jumps} if self.guidance and self.guidance.jumps else {}
        guides = [v for v in option_values(self.guidance) if isinstance(v, Model)] if self.guidance else []
        extra |= {"guides": [weights_sha256(guide) for guide in guides]} if guides else {}
        held_out = self.model.held_out if self.problem and self.problem.truth is None else None
        extra |= {"truths": sha256(held_out)} if held_out else {}
        return digest(self.identity | extra)

    @cached_property
    def id(self) -> str:
        budget = self.nfe_requested if self.nfe_of == "network" else f"{self.nfe_of} {self.nfe_requested}"
        return digest([self.stream, budget, self.n_samples, self.batch_size, device_name(self.device)])

    @property
    def noise_kind(self) -> str:
        """The kind of device that draws the noise, without its number."""
        return self.noise_device.partition(":")[0]

    @cached_property
    def packages(self) -> list[str]:
        """The packages of all its plugins, metrics included."""
        return sorted({p.split()[0] for plugin in (*self.plugins, *self.metrics) for p in plugin_packages(plugin)})
