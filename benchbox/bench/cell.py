"""One cell: a sampler on a model at one budget and one seed; run, measured, and made a row."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchbox.bench.kept import Kept
from benchbox.bench.meter import Meter, device_name, machine
from benchbox.bench.schema import ORDER
from benchbox.bench.weights import weights_sha256
from benchbox.card import sha256
from benchbox.denoiser import Denoiser
from benchbox.driver import planned_nfe, trajectory
from benchbox.errors import UsageError
from benchbox.grid import Grid, Levels
from benchbox.hookspecs import CONTRACT
from benchbox.metric import Accumulator, Context, Metric
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.options import KIND_OF, describe
from benchbox.registry import BASES, own_version, registry
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

DTYPES = {d: getattr(torch, d) for d in ("float16", "bfloat16", "float32", "float64")}
Tick = Callable[[], None]


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
    command: str = field(default="", compare=False)

    @property
    def adaptive(self) -> bool:
        return self.sampler.evals_per_step is None

    @property
    def levels(self) -> Levels:
        return Levels.cut(self.schedule, self.grid, self.n_levels)

    @property
    def nfe_planned(self) -> int | None:
        """The evaluations that the run will spend; None where they are measured."""
        return None if self.adaptive or self.skip else planned_nfe(self.sampler, self.n_levels, self.final)

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
        }  # fmt: skip

    @property
    def stream(self) -> str:
        plugins = (self.sampler, self.model, self.schedule, self.grid)
        extra = {
            "levels": self.n_levels, "noise_block": self.noise_block, "noise_device": self.noise_on.type,
            "packages": sorted({p for plugin in plugins for p in packages(plugin)}),
            "files": [f for plugin in plugins for f in files(plugin)],
        }  # fmt: skip
        return digest(self.identity() | extra)

    @property
    def id(self) -> str:
        return digest([self.stream, self.nfe_requested, self.n_samples, self.batch_size, device_name(self.device)])

    @property
    def noise_on(self) -> torch.device:
        return torch.device(self.noise_device or self.device)

    def batches(self, begin: int = 0) -> Iterator[tuple[int, int, int]]:
        """(first, number run, number kept): an adaptive sampler runs one whole noise block at a time."""
        size = self.noise_block if self.adaptive else self.batch_size
        for first in range(begin, self.n_samples, size):
            kept = min(size, self.n_samples - first)
            yield first, size if self.adaptive else kept, kept


def dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def digest(value: Any) -> str:
    return hashlib.sha256(dumps(value).encode()).hexdigest()[:16]


@lru_cache(maxsize=4)
def denoiser(model: Model, device: str, dtype: str) -> Denoiser:
    """The model, loaded once for all cells that use it."""
    return Denoiser(model, torch.device(device), DTYPES[dtype])


def load(cells: Iterable[Cell]) -> None:
    """Load the models of the cells, before any work. UsageError where one cannot be loaded."""
    for cell in cells:
        if cell.skip:
            continue
        try:
            denoiser(cell.model, cell.device, cell.dtype)
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(f"model {cell.model.title} cannot be loaded: {sentence(error)}.") from error


def options(plugin: Any) -> Iterator[Any]:
    """The values of a plugin's options, those of nested plugins too."""
    for option in fields(plugin):
        value = getattr(plugin, option.name)
        yield value
        if isinstance(value, tuple(KIND_OF)):
            yield from options(value)


def packages(plugin: Any) -> Iterator[str]:
    """The packages, with their versions, of a plugin and of those among its options."""
    for part in (plugin, *options(plugin)):
        kind = next((kind for kind, base in BASES.items() if isinstance(part, base)), None)
        for offer in registry().offers(kind, part.name) if kind else ():
            yield f"{offer.package} {offer.version}"


def files(plugin: Any) -> Iterator[str]:
    """The SHA-256 of every file among a plugin's options: other contents are other samples."""
    return (sha256(v) for v in options(plugin) if isinstance(v, Path) and v.is_file())


class Diverged(Exception):
    """A sample that is not finite."""


class OutOfTime(Exception):
    """A cell that ran longer than it may."""


class Run:
    """A cell in the making: yields its samples batch by batch and keeps the counts and the clock."""

    def __init__(self, cell: Cell, tick: Tick, timeout: float | None = None) -> None:
        self.cell, self.tick, self.timeout = cell, tick, timeout
        self.device = torch.device(cell.device)
        self.denoise = denoiser(cell.model, cell.device, cell.dtype)
        self.levels = cell.levels
        self.dtype = torch.float64 if cell.dtype == "float64" else torch.float32
        self.warm_up()
        self.denoise.reset()
        self.meter, self.decoding = Meter(self.device), Meter(self.device)
        self.rows = self.first = 0
        self.nfe_max = 0.0
        self.before: dict[str, float] = {}
        self.began = time.monotonic()

    def warm_up(self) -> None:
        """The first interval, outside the clock: imports, allocations, kernels, caches."""
        first, run, _ = next(self.cell.batches())
        levels = self.levels if len(self.levels.sigmas) < 2 else self.levels.interval(0)
        self.denoise.at(torch.arange(first, first + run, device=self.device))
        for _ in trajectory(self.cell.sampler, self.denoise, levels, self.noise(first, run)):
            pass

    def go_on(self, earlier: Kept) -> None:
        """Make only the samples that an earlier run did not make; its counts are added."""
        self.first, self.before = earlier.n, earlier.counts
        self.nfe_max = earlier.counts.get("nfe_max", 0.0)

    def samples(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of finished samples and their global numbers. Diverged at the first that is not finite."""
        for first, run, kept in self.cell.batches(self.first):
            index = torch.arange(first, first + run, device=self.device)
            with self.meter:
                x = self.batch(first, run, index)
            grad_free = torch.no_grad() if self.cell.sampler.needs_grad else torch.inference_mode()
            with grad_free, self.decoding:
                x = self.cell.model.decode(x)
            if not bool(torch.isfinite(x).all()):
                raise Diverged(f"samples {first} to {first + run - 1} are not all finite")
            yield x[:kept], index[:kept]

    def batch(self, first: int, run: int, index: Tensor) -> Tensor:
        cell, before = self.cell, self.denoise.rows
        self.denoise.at(index)
        for state in trajectory(cell.sampler, self.denoise, self.levels, self.noise(first, run), cell.final):
            x = state
            self.tick()
            if self.timeout is not None and time.monotonic() - self.began > self.timeout:
                raise OutOfTime(f"it ran longer than {self.timeout:g} s")
        self.rows += run
        self.nfe_max = max(self.nfe_max, (self.denoise.rows - before) / run)
        return x

    def noise(self, first: int, run: int) -> Noise:
        cell = self.cell
        return Noise(cell.seed, first, run, cell.model.shape, cell.noise_on, self.dtype, cell.noise_block, self.device)

    def counts(self) -> dict[str, float]:
        """What was spent on all samples, those of an earlier run included."""
        spent = {
            "rows": self.rows, "evaluations": self.denoise.rows, "backward": self.denoise.backward_rows,
            "clamped": self.denoise.clamped,
        }  # fmt: skip
        return {name: self.before.get(name, 0) + n for name, n in spent.items()} | {"nfe_max": self.nfe_max}

    def measured(self) -> dict[str, Any]:
        """The counts, and the costs of the samples that were made now, as columns."""
        wall, model_s, counts = self.meter.seconds, self.denoise.seconds, self.counts()
        rows = max(counts["rows"], 1)
        return {
            "nfe": counts["evaluations"] / rows, "nfe_max": self.nfe_max, "n_backward": counts["backward"] / rows,
            "clamped": int(counts["clamped"]), "n_timed": min(self.rows, self.cell.n_samples - self.first),
            "wall_s": wall, "model_s": model_s, "overhead": wall / model_s - 1 if model_s else None,
            "decode_s": self.decoding.seconds, "samples_per_s": self.rows / wall if wall else None,
            "timing_valid": not self.first, **self.meter.costs(),
        }  # fmt: skip


def sample(cell: Cell) -> Tensor:
    """The samples of a cell, (n_samples, *shape)."""
    return torch.cat([x for x, _ in Run(cell, lambda: None).samples()])


def start_metrics(run: Run, metrics: tuple[Metric, ...]) -> list[Accumulator]:
    cell = run.cell
    context = Context(
        cell.model, run.denoise, cell.schedule, run.levels, run.device, cell.seed, cell.final, cell.noise_block,
        cell.noise_on,
    )  # fmt: skip
    return [metric.start(context) for metric in metrics]


class Result(NamedTuple):
    """A cell's row; what its metrics have seen, by their names; and what the user is to be told."""

    row: dict[str, Any]
    kept: dict[str, Kept]
    problems: list[str]


def measure(
    cell: Cell, tick: Tick = lambda: None, timeout: float | None = None, metrics: tuple[Metric, ...] | None = None
) -> dict[str, Any]:
    """Run a cell and return its row; whatever goes wrong is a status with a reason."""
    return work(cell, tick, timeout, metrics).row


def work(
    cell: Cell,
    tick: Tick = lambda: None,
    timeout: float | None = None,
    metrics: tuple[Metric, ...] | None = None,
    earlier: dict[str, Kept] | None = None,
) -> Result:
    """Run a cell, from where an earlier run of its stream ended: `earlier` is what each metric saw of its samples."""
    metrics = cell.metrics if metrics is None else metrics
    row, result = blank(cell, metrics), Result({}, {}, [])
    if cell.skip:
        return result._replace(row=row | {"status": "skipped", "reason": cell.skip})
    run: Run | None = None
    try:
        run = Run(cell, tick, timeout)
        accumulators = start_metrics(run, metrics)
        if earlier:
            accumulators = loaded(run, metrics, accumulators, earlier, result.problems)
        for x, index in run.samples():
            for accumulator in accumulators:
                accumulator.update(x, index)
        row |= run.measured() | {"status": "done"}
        for metric, accumulator in zip(metrics, accumulators, strict=True):
            row |= columns(metric, accumulator.compute())
        result.kept.update(seen(run, metrics, accumulators))
    except Diverged as error:
        row |= {"status": "diverged", "reason": str(error)}
    except OutOfTime as error:
        row |= {"status": "timeout", "reason": str(error)}
    except torch.OutOfMemoryError as error:
        row |= {"status": "oom", "reason": sentence(error)}
    except (Exception, SystemExit) as error:
        row |= {"status": "failed", "reason": sentence(error)}
    if run is not None and row["status"] != "done":
        row |= run.measured()
    return result._replace(row=judged(row))


def loaded(
    run: Run,
    metrics: tuple[Metric, ...],
    accumulators: list[Accumulator],
    earlier: dict[str, Kept],
    problems: list[str],
) -> list[Accumulator]:
    """The accumulators with what they saw in an earlier run; fresh ones where it does not fit them."""
    for metric, accumulator in zip(metrics, accumulators, strict=True):
        try:
            accumulator.load(earlier[metric.name].state)
        except Exception as error:  # whatever a plugin makes of a state that it did not write
            problems.append(f"the kept statistics of metric {metric.name} were left out: {sentence(error)}.")
            return start_metrics(run, metrics)
    run.go_on(next(iter(earlier.values())))
    return accumulators


def seen(run: Run, metrics: tuple[Metric, ...], accumulators: list[Accumulator]) -> dict[str, Kept]:
    """What the metrics have seen of all samples; not of a metric that cannot say it, which loses nothing but time."""
    kept, counts = {}, run.counts()
    for metric, accumulator in zip(metrics, accumulators, strict=True):
        with suppress(Exception):
            kept[metric.name] = Kept(run.cell.n_samples, counts, accumulator.state())
    return kept


def columns(metric: Metric, values: dict[str, Any]) -> dict[str, Any]:
    """A metric's columns as a row can hold them. TypeError for a value or a name that it cannot."""
    for name, value in values.items():
        if name in ORDER or not (value is None or isinstance(value, str | Real)):
            raise TypeError(f"metric {metric.name} gave {name} = {value!r}, which is no column of numbers or text")
    return {n: v if v is None or isinstance(v, str) else float(v) for n, v in values.items()}


def judged(row: dict[str, Any]) -> dict[str, Any]:
    """A run that spent more than its budget is dishonest; a value that is not finite is null, and the row says so.

    So it does of what a metric notes in a column `…_note`.
    """
    row = noted(row)
    asked, spent = row["nfe_requested"], row.get("nfe_max")
    if row["status"] == "done" and asked is not None and spent > asked:
        row |= {"status": "dishonest", "reason": f"{spent:g} evaluations were spent of a budget of {asked}"}
    for name, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            row[name] = None
            row["reason"] = row["reason"] or f"{name} is not finite"
    return row


def noted(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the notes of its metrics as its reason."""
    notes = [f"{name.removesuffix('_note')}: {text}" for name, text in row.items() if name.endswith("_note") and text]
    return row | {"reason": "; ".join(notes)} if notes and row["status"] == "done" else row


def sentence(error: BaseException) -> str:
    text = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
    return (text.strip() or type(error).__name__).splitlines()[0].rstrip(".:")


def blank(cell: Cell, metrics: tuple[Metric, ...]) -> dict[str, Any]:
    """A row with all that is known before the run."""
    return cell.identity() | machine(cell.device) | {
        "stream": cell.stream, "cell": cell.id, "dataset": cell.model.dataset, "n_samples": cell.n_samples,
        "batch_size": cell.batch_size, "nfe_policy": cell.nfe_policy, "nfe_requested": cell.nfe_requested,
        "steps": None if cell.skip else cell.n_levels - 1, "timing_valid": True, "reason": None, "executor": "local",
        "metric_options": dumps({m.name: describe(m) for m in metrics}), "command": cell.command,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
