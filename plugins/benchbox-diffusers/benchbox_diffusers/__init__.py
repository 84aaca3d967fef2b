"""diffusers' schedulers as samplers and grids of benchbox, and its unconditional checkpoints as models."""

from __future__ import annotations

from benchbox import Grid, Model, Sampler, Schedule, hookimpl
from benchbox_diffusers.grids import GRIDS
from benchbox_diffusers.models import Diffusers
from benchbox_diffusers.samplers import SAMPLERS
from benchbox_diffusers.schedules import Betas


@hookimpl
def benchbox_samplers() -> list[type[Sampler]]:
    return list(SAMPLERS)


@hookimpl
def benchbox_grids() -> list[type[Grid]]:
    return list(GRIDS)


@hookimpl
def benchbox_models() -> list[type[Model]]:
    return [Diffusers]


@hookimpl
def benchbox_schedules() -> list[type[Schedule]]:
    return [Betas]
