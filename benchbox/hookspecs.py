"""The hooks of plugins: a module under the entry-point group `benchbox` implements any of them.

Each returns a list of frozen dataclasses (classes, not instances) whose fields are the plugin's options. The built-in
plugins use the same hooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from benchbox.executor import Executor
    from benchbox.grid import Grid
    from benchbox.guidance import Guidance
    from benchbox.metric import Metric
    from benchbox.model import Model
    from benchbox.problem import Problem
    from benchbox.sampler import Sampler
    from benchbox.schedule import Schedule

CONTRACT = 1
"""Version of the plugin contract (docs/contract.md).

A module may state the versions that it supports, `benchbox_contract = ">=1,<2"`; this is read before it is imported.
"""

hookspec = pluggy.HookspecMarker("benchbox")
hookimpl = pluggy.HookimplMarker("benchbox")


@hookspec
def benchbox_samplers() -> list[type[Sampler]]:
    """Samplers: noise to data along decreasing levels."""


@hookspec
def benchbox_schedules() -> list[type[Schedule]]:
    """Noise schedules: scale s(t) and level σ(t)."""


@hookspec
def benchbox_grids() -> list[type[Grid]]:
    """Grids: which times of a schedule a run visits."""


@hookspec
def benchbox_models() -> list[type[Model]]:
    """Score models: networks or formulas."""


@hookspec
def benchbox_metrics() -> list[type[Metric]]:
    """Metrics: from batches of samples to columns of a row."""


@hookspec
def benchbox_guidances() -> list[type[Guidance]]:
    """Guidances: denoisers that wrap a denoiser, such as classifier-free guidance."""


@hookspec
def benchbox_problems() -> list[type[Problem]]:
    """Inverse problems: what is measured of a sample, such as inpainting."""


@hookspec
def benchbox_executors() -> list[type[Executor]]:
    """Executors: where the work of a cell runs."""
