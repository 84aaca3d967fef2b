"""benchbox: find out which diffusion sampler is best, and prove it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.exact.certificate import Certificate
    from benchbox.executor import Executor
    from benchbox.grid import Grid, Levels
    from benchbox.guidance import Guidance
    from benchbox.hookspecs import hookimpl
    from benchbox.metric import Accumulator, Context, Metric
    from benchbox.model import Model
    from benchbox.problem import Problem
    from benchbox.registry import get
    from benchbox.sampler import Sampler, ancestral_step
    from benchbox.schedule import DiscreteSchedule, Schedule
    from benchbox.store.store import load_results

__all__ = [
    "Accumulator", "Context", "DiscreteSchedule", "Executor", "Grid", "Guidance", "Levels", "Metric", "Model",
    "Problem", "Sampler", "Schedule", "ancestral_step", "certify", "get", "hookimpl", "load_results", "sample",
]  # fmt: skip

MODULES = {
    "Accumulator": "metric", "Context": "metric", "DiscreteSchedule": "schedule", "Executor": "executor",
    "Grid": "grid", "Guidance": "guidance", "Levels": "grid", "Metric": "metric", "Model": "model",
    "Problem": "problem", "Sampler": "sampler", "Schedule": "schedule",
    "ancestral_step": "sampler", "get": "registry", "hookimpl": "hookspecs", "load_results": "store.store",
}  # fmt: skip
"""The module of each name, which is imported at its first use, so that `benchbox --help` does not import numpy."""


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)


def sample(
    sampler: str,
    model: str = "mnist-edm",
    nfe: int | None = None,
    n: int = 16,
    seed: int = 0,
    *,
    schedule: str | None = None,
    grid: str | None = None,
    guidance: str | Guidance | None = None,
    problem: str | Problem | None = None,
    measurements: int = 1,
    nfe_of: str = "network",
    device: str = "cpu",
    dtype: str = "float32",
    batch_size: int = 64,
    final: str = "denoise",
    compile: bool = False,
    channels_last: bool = False,
    **options: Any,
) -> Tensor:
    """n samples, (n, *shape), as `benchbox run` makes them; options are passed to every chosen plugin that has them.

    nfe: the budget in evaluations per sample (None only for an adaptive sampler), of the network, or with
    nfe_of="denoiser" of the guided denoiser. guidance, problem: a name or an instance; sample i belongs to
    measurement i mod measurements. UsageError for invalid arguments.
    """
    from benchbox.bench.hardware import usable
    from benchbox.bench.run import make_samples as run
    from benchbox.bench.settings import Setting
    from benchbox.bench.sweep import one_cell

    cell = one_cell(
        sampler, model, nfe, n_samples=n, seeds=[seed], schedules=[schedule] if schedule else [], metrics=[],
        grids=[grid] if grid else [], device=usable(device), dtype=dtype, batch_size=batch_size, final=final,
        guidances=[guidance] if guidance else [], nfe_of=nfe_of,
        problems=[problem] if problem else [], measurements=measurements, compile=compile, channels_last=channels_last,
        settings=[Setting(None, name, [value]) for name, value in options.items()],
    )  # fmt: skip
    return run(cell)


def certify(plugin: Any, kind: str | None = None, **options: Any) -> Certificate:
    """The certificate of a sampler (or schedule, model, metric), as `benchbox check` makes it.

    plugin: a name or a class, with options, or an instance. Its result is in `passed`, `failures` and `as_dict()`.
    """
    from benchbox.exact.conformance import certificate_of as run

    return run(plugin, kind, **options)
