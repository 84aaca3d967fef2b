"""The cells of a sweep: a request expanded to the product of its lists, everything checked before any work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, get_args

from benchbox.acceleration import PLAIN, Acceleration
from benchbox.bench.budget import at_each_budget
from benchbox.bench.cell import Cell
from benchbox.bench.request import Request
from benchbox.bench.settings import Settings
from benchbox.driver import check_jumps, default_grid
from benchbox.errors import UsageError
from benchbox.guidance import Guidance
from benchbox.measurement import pose
from benchbox.metric import Metric
from benchbox.model import Model, Prediction
from benchbox.options import describe
from benchbox.problem import Problem
from benchbox.registry import registry
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule
from benchbox.tuned import RunGrid


def expand(request: Request) -> list[Cell]:
    """The cells of a sweep in the order of the request, each once. UsageError for anything that cannot be run."""
    request.check()
    settings = Settings(request.settings)
    cells = list(_product(request, settings))
    settings.finish()
    return list({cell.id: cell for cell in cells}.values())


def _product(request: Request, settings: Settings) -> Iterator[Cell]:
    acceleration = Acceleration(request.compile, request.channels_last)
    models = settings.chosen("model", request.models)
    samplers = settings.chosen("sampler", request.samplers)
    guidances, problems = (
        settings.chosen(kind, [None if name == "none" else name for name in names] or [None])
        for kind, names in (("guidance", request.guidances), ("problem", request.problems))
    )
    for named, sampler, guidance, posed in product(models, samplers, guidances, problems):
        validate_model(named, acceleration)
        model = named if guidance is None else guided_model(named, guidance)
        problem = problem_of(posed, model, sampler, guidance)
        check_jumps(sampler, model, guidance)
        sampler.check(model)
        if request.save is not None:
            request.save.check(model)
        schedules = settings.chosen("schedule", request.schedules or [model.schedule])
        grids = settings.chosen("grid", request.grids or [default_grid(model, sampler)])
        metrics = metrics_of(request, model, settings, problem)
        for schedule, chosen, seed in product(schedules, grids, request.seeds):
            grid = chosen.for_run(sampler, model, schedule, guidance) if isinstance(chosen, RunGrid) else chosen
            cell = Cell(
                sampler=sampler, model=model, schedule=schedule, grid=grid, metrics=metrics, seed=seed,
                n_samples=request.n_samples, batch_size=request.batch_size, device=request.device, dtype=request.dtype,
                final=request.final, nfe_policy=request.nfe_policy, noise_block=request.noise_block,
                noise_device=request.noise_device or request.device, save=request.save, guidance=guidance,
                nfe_of=request.nfe_of if guidance else "network",
                problem=problem, measurements=request.measurements if problem else 1,
                acceleration=acceleration,
            )  # fmt: skip
            yield from at_each_budget(cell, request.nfe)


def guided_model(model: Model, guidance: Guidance) -> Model:
    """The model as the guidance needs it, with conditions unless it uses a measurement. UsageError where it cannot."""
    conditioned = model if guidance.uses_measurement else model.conditioned()
    guidance.check(conditioned)
    return conditioned


def problem_of(problem: Problem | None, model: Model, sampler: Sampler, guidance: Guidance | None) -> Problem | None:
    """The problem for the model's data. UsageError where it, the sampler and the guidance do not go together."""
    users = [
        f"{kind} {p.name}" for kind, p in (("guidance", guidance), ("sampler", sampler)) if p and p.uses_measurement
    ]
    users += [f"model {model.title}"] if model.problem is not None else []
    if problem is None:
        if users:
            example = "inpaint" if model.problem is None else model.problem.name
            raise UsageError(f"{users[0]} solves an inverse problem: give one, such as --problem {example}.")
        return None
    if len(users) > 1:
        raise UsageError(f"{' and '.join(users)} both use the measurement: choose one of them.")
    if not users:
        raise UsageError(
            f"nothing uses the measurement of problem {problem.name}: give a guidance that does, such as --guidance "
            "mmps, or a sampler that does, such as dps."
        )
    posed = pose(problem, model)
    for method in (sampler, guidance):
        if method is not None and method.uses_measurement:
            method.check_problem(posed, model)
    if model.problem not in (None, replace(posed, truth=None)):
        raise UsageError(
            f"model {model.title} takes the measurement of another problem: {problem_words(model.problem)}, "
            f"not {problem_words(posed)}."
        )
    return posed


def problem_words(problem: Problem) -> str:
    """A problem with all its options but the truths."""
    options = " ".join(f"{name}={value}" for name, value in describe(problem).items() if name != "truth")
    return f"{problem.name} {options}"


PROBLEM_METRICS = ("psnr", "residual")
"""The metrics of an inverse problem by default, after those of the model that measure its posterior."""


def metrics_of(
    request: Request, model: Model, settings: Settings, problem: Problem | None = None
) -> tuple[Metric, ...]:
    """The requested metrics, else the model's own ones that can measure it. UsageError for a requested one that cannot.

    `unmeasured` says which of the model's own metrics were left out, and why.
    """
    own = model.metrics if problem is None else (*model.metrics, *PROBLEM_METRICS)
    names = own if request.metrics is None else request.metrics
    metrics = []
    for metric in settings.chosen("metric", names):
        try:
            metric.check(model)
            metric.check_problem(problem, model)
            metrics.append(metric)
        except UsageError:
            if request.metrics is not None or describe(metric) != describe(registry().get("metric", metric.name)):
                raise
    return tuple(metrics)


def unmeasured(cells: Sequence[Cell]) -> Iterator[str]:
    """A sentence for each of the models' own metrics that was left out, with the reason."""
    for (model, problem), metrics in {(cell.model, cell.problem): cell.metrics for cell in cells}.items():
        for name in set(model.metrics) - {metric.name for metric in metrics}:
            try:
                registry().get("metric", name).check(model)
                registry().get("metric", name).check_problem(problem, model)
            except UsageError as error:
                yield f"model {model.title} is run without its {name}: {error}"


def validate_model(model: Model, acceleration: Acceleration = PLAIN) -> None:
    """UsageError where a model has no valid schedule or prediction, or its network cannot be accelerated so."""
    if not isinstance(model.schedule, Schedule):
        raise UsageError(
            f"model {model.name} has schedule {model.schedule!r}: give an instance, such as "
            "benchbox.get('schedule', 'ddpm')."
        )
    valid = get_args(Prediction)
    is_formula = type(model).denoiser is not Model.denoiser
    if model.prediction not in valid and not (model.prediction is None and is_formula):
        raise UsageError(f"model {model.name} has prediction {model.prediction!r}: give one of {', '.join(valid)}.")
    if acceleration != PLAIN and model.prediction is None:
        option = "--compile" if acceleration.compiled else "--channels-last"
        raise UsageError(f"{option} is for networks, and model {model.title} is a formula: leave it out.")
    if acceleration.channels_last and len(model.shape) != 3:
        raise UsageError(
            f"--channels-last is for networks of images, and the samples of model {model.title} have shape "
            f"{model.shape}: leave it out."
        )


def one_cell(sampler: str | Sampler, model: str, nfe: int | None, **request: Any) -> Cell:
    """The cell of a request for exactly one. UsageError where it is none, several, or cannot be run."""
    cells = expand(Request(samplers=[str(sampler)], models=[model], nfe=[] if nfe is None else [nfe], **request))
    if len(cells) != 1:
        raise UsageError(f"this request has {len(cells)} cells: exactly one is needed.")
    if cells[0].skip:
        raise UsageError(f"{cells[0].skip}.")
    return cells[0]
