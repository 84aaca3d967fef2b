"""diffusers' schedulers as samplers and grids of benchbox, its pipelines as models, and scores of prompts."""

from __future__ import annotations

from benchbox import Grid, Metric, Model, Sampler, Schedule, hookimpl
from benchbox_diffusers.few_step import FEW_STEP, LCMLevels, SCMLevels
from benchbox_diffusers.grids import GRIDS
from benchbox_diffusers.models import Diffusers
from benchbox_diffusers.samplers import SAMPLERS
from benchbox_diffusers.schedules import Betas
from benchbox_diffusers.scores import CLIPScore, Reward


@hookimpl
def benchbox_samplers() -> list[type[Sampler]]:
    return [*SAMPLERS, *FEW_STEP]


@hookimpl
def benchbox_grids() -> list[type[Grid]]:
    return [*GRIDS, LCMLevels, SCMLevels]


@hookimpl
def benchbox_models() -> list[type[Model]]:
    return [Diffusers]


@hookimpl
def benchbox_schedules() -> list[type[Schedule]]:
    return [Betas]


@hookimpl
def benchbox_metrics() -> list[type[Metric]]:
    return [CLIPScore, Reward]
