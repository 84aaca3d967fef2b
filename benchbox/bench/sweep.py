"""From what the user asked to a list of cells, all checked before any work."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from benchbox.bench.cell import DTYPES, Cell
from benchbox.bench.saving import Saver
from benchbox.bench.settings import Setting, Settings, model_named
from benchbox.driver import ADAPTIVE_LEVELS, least_nfe, plan_levels
from benchbox.errors import UsageError, sentence, unknown
from benchbox.executor import Executor
from benchbox.grid import Levels
from benchbox.guidance import Guidance
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.noise import BLOCK
from benchbox.options import describe
from benchbox.registry import registry
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

DEFAULT_MODEL = "mnist-edm"
MOST_NUMBERS = 10_000
"""Numbers in one list, and evaluations in one budget: more is a slip of the keyboard."""


WORDS: dict[str, Collection[str]] = {
    "dtype": DTYPES, "final": ("denoise", "none"), "nfe_policy": ("floor", "exact", "skip"),
    "nfe_of": ("network", "denoiser"),
}  # fmt: skip
"""The words that a request may say."""


@dataclass(frozen=True)
class Request:
    """A sweep as the user asks for it: names, budgets and settings; every list makes a product."""

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
    noise_block: int = BLOCK
    noise_device: str | None = None
    save: Saver | None = None
    guidances: Sequence[str | Guidance] = ()
    nfe_of: str = "network"

    def check(self) -> None:
        """UsageError for a number or a word that no run can have."""
        for what in ("n_samples", "batch_size", "noise_block"):
            if getattr(self, what) < 1:
                raise UsageError(f"{what} is {getattr(self, what)}: the least is 1.")
        for nfe in self.nfe:
            if nfe != int(nfe) or nfe > MOST_NUMBERS:
                raise UsageError(f"an NFE of {nfe} is not valid: it is a whole number, {MOST_NUMBERS} at most.")
        for seed in self.seeds:
            if not 0 <= seed < 2**63:
                raise UsageError(f"seed {seed} is not valid: it is from 0 to 2**63 − 1.")
        for what, valid in WORDS.items():
            if (word := getattr(self, what)) not in valid:
                raise unknown(what, str(word), valid)


def integers(text: str, what: str, least: int) -> list[int]:
    """A comma list of integers and of ranges a-b or a-b:step. UsageError where it is none, or below the least."""
    out: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(-?\d{1,20})(?:-(\d{1,20})(?::(\d{1,20}))?)?\s*", part)
        if not match:
            raise UsageError(
                f"{what} {part!r} is not valid: give integers such as 18,35,50 or a range such as 18-50:8."
            )
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if last < first:
            raise UsageError(f"{what} {part!r} is a range backwards: write {last}-{first}.")
        if first < least or step < 1:
            raise UsageError(f"{what} {part!r} is not valid: the least is {least if first < least else 'a step of 1'}.")
        if len(values := range(first, last + 1, step)) > MOST_NUMBERS:
            raise UsageError(f"{what} {part!r} stands for {len(values):,} numbers: {MOST_NUMBERS:,} is the most.")
        out += values
    return list(dict.fromkeys(out))


def one_executor(name: str, settings: Sequence[Setting], given: Mapping[str, Any]) -> Executor:
    """The executor of that name, with its options from the command line and from --set."""
    own = [Setting(name, option, [value]) for option, value in given.items()]
    chosen = Settings([*settings, *own])
    found = chosen.variants("executor", name)
    for setting in own:
        if not setting.used:
            raise UsageError(f"executor {name} has no --{setting.option}.")
    if len(found) != 1:
        raise UsageError(f"{len(found)} settings of executor {name} were given where one is meant.")
    executor: Executor = found[0]
    return executor


def expand(request: Request) -> list[Cell]:
    """The cells of a sweep, in the order asked for. UsageError for anything that cannot be run."""
    request.check()
    settings = Settings(request.settings)
    cells = list(_cells(request, settings))
    settings.finish()
    return list({cell.id: cell for cell in cells}.values())


def _cells(request: Request, settings: Settings) -> Iterator[Cell]:
    models = [m for name in request.models for m in model_variants(settings, name)]
    samplers = [s for name in request.samplers for s in settings.variants("sampler", name)]
    for asked, sampler, guidance in product(models, samplers, guidance_variants(settings, request.guidances)):
        validate_model(asked)
        model = asked if guidance is None else guided_model(asked, guidance)
        schedules = [s for n in request.schedules for s in settings.variants("schedule", n)] or [model.schedule]
        wanted: Sequence[Any] = request.grids or [sampler.grid or model.grid]
        grids = [g for n in wanted for g in grid_variants(settings, n)]
        metrics = metrics_of(request, model, settings)
        for schedule, grid, seed in product(schedules, grids, request.seeds):
            cell = Cell(
                sampler=sampler, model=model, schedule=schedule, grid=grid, metrics=metrics, seed=seed,
                n_samples=request.n_samples, batch_size=request.batch_size, device=request.device, dtype=request.dtype,
                final=request.final, nfe_policy=request.nfe_policy, noise_block=request.noise_block,
                noise_device=request.noise_device, save=request.save, guidance=guidance,
                nfe_of=request.nfe_of if guidance else "network",
            )  # fmt: skip
            yield from _at_each_budget(cell, request.nfe)


def _at_each_budget(cell: Cell, budgets: Sequence[int]) -> Iterator[Cell]:
    """The cell at each budget; once where the sampler is adaptive."""
    if cell.sampler.evals_per_step is None:
        yield with_levels(replace(cell, nfe_requested=None, n_levels=ADAPTIVE_LEVELS))
        return
    if cell.sampler.evals(100) <= cell.sampler.evals(1):
        raise UsageError(f"sampler {cell.sampler.name} claims that an interval costs no evaluation: no budget fits it.")
    if not budgets:
        raise UsageError(f"sampler {cell.sampler.name} needs a budget: give --nfe, such as --nfe 18,35,50.")
    for nfe in budgets:
        yield with_levels(budgeted(cell, nfe))


def budgeted(cell: Cell, nfe: int) -> Cell:
    """The cell with the levels that a budget buys, or with the reason why it is skipped."""
    sampler, budgets, of_network = cell.sampler, cell.budgets, cell.nfe_of == "network"
    n = budgets.levels(nfe) if of_network else plan_levels(sampler, nfe, cell.final)
    if n == 0:
        least = budgets.least() if of_network else least_nfe(sampler, cell.final)
        reason = f"an NFE of {nfe} buys nothing: the least is {least}"
        return replace(cell, nfe_requested=nfe, n_levels=0, skip=reason)
    cost = budgets.network if of_network else budgets.calls
    spent = cost(n)
    if spent != nfe and cell.nfe_policy == "exact":
        above = cost(n + 1)
        raise UsageError(
            f"sampler {sampler.name} cannot spend exactly {nfe} evaluations: it spends {spent} or {above} "
            "(--nfe-policy floor runs the former)."
        )
    skip = (
        f"an NFE of {nfe} cannot be met exactly: {spent} would be spent"
        if spent != nfe and cell.nfe_policy == "skip"
        else None
    )
    return replace(cell, nfe_requested=nfe, n_levels=n, skip=skip)


def with_levels(cell: Cell) -> Cell:
    """The cell, once its levels can be cut, or with the reason why its grid fails. UsageError where they are wrong."""
    if cell.skip is None:
        try:
            Levels.cut(cell.schedule, cell.grid, cell.n_levels)
        except UsageError:
            raise
        except Exception as error:  # of a package's grid: the other cells can run
            return replace(cell, skip=f"grid {cell.grid.name} gives no {cell.n_levels} levels: {sentence(error)}")
    return cell


def model_variants(settings: Settings, name: str) -> list[Model]:
    """Models of a name, of a card's path (.json), or of PLUGIN:VALUE, VALUE being the plugin's required option."""
    plugin, required = model_named(name)
    models: list[Model] = settings.variants("model", plugin, **required)
    return models


def guidance_variants(settings: Settings, names: Sequence[str | Guidance]) -> list[Guidance | None]:
    """The guidances of these names; `none`, and no name at all, is no guidance."""
    found: list[Guidance | None] = []
    for name in names or ["none"]:
        if isinstance(name, Guidance):
            found.append(name)
        else:
            found += [None] if name == "none" else settings.variants("guidance", name)
    return found


def guided_model(model: Model, guidance: Guidance) -> Model:
    """The model with the conditions that a guidance asks it under. UsageError where it cannot be guided so."""
    conditioned = model.conditioned()
    guidance.check(conditioned)
    return conditioned


def metrics_of(request: Request, model: Model, settings: Settings) -> tuple[Metric, ...]:
    """The metrics asked for; else the model's own, of those that can measure it (`unmeasured` says why not)."""
    asked = request.metrics is not None
    names = model.metrics if request.metrics is None else request.metrics
    found = [metric for name in names for metric in settings.variants("metric", name)]
    kept = []
    for metric in found:
        try:
            metric.check(model)
            kept.append(metric)
        except UsageError:
            if asked or describe(metric) != describe(registry().get("metric", metric.name)):
                raise
    return tuple(kept)


def unmeasured(cells: Sequence[Cell]) -> Iterator[str]:
    """Which of their own metrics the models of cells are not measured by, and why."""
    for model, metrics in {cell.model: cell.metrics for cell in cells}.items():
        for name in set(model.metrics) - {metric.name for metric in metrics}:
            try:
                registry().get("metric", name).check(model)
            except UsageError as error:
                yield f"model {model.title} is run without its {name}: {error}"


def grid_variants(settings: Settings, grid: Any) -> list[Any]:
    return settings.variants("grid", grid) if isinstance(grid, str) else [grid]


def validate_model(model: Model) -> None:
    """UsageError where a model's schedule is a name, or where it says what its network puts out in no way known."""
    if not isinstance(model.schedule, Schedule):
        raise UsageError(
            f"model {model.name} has schedule {model.schedule!r}: an instance is meant, such as "
            "benchbox.get('schedule', 'ddpm')."
        )
    known = ("eps", "x0", "score", "v", "flow", "edm")
    formula = type(model).denoiser is not Model.denoiser
    if model.prediction not in known and not (model.prediction is None and formula):
        raise UsageError(f"model {model.name} has prediction {model.prediction!r}: {', '.join(known)} are known.")


def one_cell(sampler: str | Sampler, model: str, nfe: int | None, **request: Any) -> Cell:
    """The single cell of a call from Python."""
    cells = expand(Request(samplers=[str(sampler)], models=[model], nfe=[] if nfe is None else [nfe], **request))
    if len(cells) != 1:
        raise UsageError(f"{len(cells)} cells were asked for where one is meant.")
    if cells[0].skip:
        raise UsageError(f"{cells[0].skip}.")
    return cells[0]
