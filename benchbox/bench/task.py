"""The tasks that a cell is made of; each is picklable, runs in any process, and gives a `ShardResult`."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import torch

from benchbox.bench.cell import Cell
from benchbox.bench.interrupt import Interrupted
from benchbox.bench.meter import exclusive
from benchbox.bench.provenance import machine
from benchbox.bench.run import Diverged, Run, Tick, loaded_denoiser
from benchbox.bench.shard_result import ShardResult, State
from benchbox.errors import UsageError, sentence
from benchbox.guided import guided
from benchbox.limit import OutOfTime, time_limit
from benchbox.metric import Accumulator, Context, Metric
from benchbox.store.schema import ORDER

SHARDS = 8
"""Parts that a cell is cut into: what a killed process loses is one of them at the most."""


@dataclass(frozen=True)
class Shard:
    """The samples first … first+n−1 of a cell."""

    first: int
    n: int


def shards(cell: Cell, begin: int = 0, count: int = SHARDS) -> list[Shard]:
    """At most `count` shards of whole noise blocks and whole batches, and what is to do of them from `begin` on.

    Where they end does not depend on `begin`: a cell that goes on from its own shards adds up the same numbers.
    """
    units = -(-cell.n_samples // cell.unit)
    size = -(-units // count) * cell.unit
    ends = [*range(size, cell.n_samples, size), cell.n_samples]
    firsts = [max(begin, end - size if end % size == 0 else end - end % size) for end in ends]
    return [Shard(first, end - first) for first, end in zip(firsts, ends, strict=True) if first < end]


def no_tick() -> None:
    """A tick that nobody hears."""


def skip(x: torch.Tensor, index: torch.Tensor) -> None:
    """Samples that are not to be in files."""


@dataclass(frozen=True)
class Task(ABC):
    """A piece of a cell's work. Whatever goes wrong in it is a status with a reason, but for an interrupt.

    metrics: by their labels in the row. isolated: not in the sweep's own process, which has imported the code of
    others.
    """

    cell: Cell
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    timeout: float | None = None
    exclusive: bool = False
    isolated: bool = False
    tick: Tick = field(default=no_tick, compare=False)

    @property
    def packages(self) -> str:
        """The third-party packages whose code it runs; a process that ran it serves no others."""
        return self.cell.third_parties

    @property
    def group(self) -> Cell:
        return self.cell

    @property
    def device(self) -> str:
        return self.cell.device

    def prepare(self) -> None:
        """Load the model."""
        loaded_denoiser(self.cell.model, self.cell.device, self.cell.dtype)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"tick": no_tick}

    @abstractmethod
    def work(self, report: dict[str, Any], given: Any) -> dict[str, State]:
        """Do it: put what is to be told into `report`, and return the metrics' states."""

    def __call__(self, given: Any) -> ShardResult:
        report: dict[str, Any] = {"status": "done", "reason": None}
        states: dict[str, State] = {}
        try:
            states = self.work(report, given)
        except (Interrupted, KeyboardInterrupt):
            raise
        except BaseException as error:  # whatever a plugin raises is its own cell's
            report |= {"status": status_of(error), "reason": sentence(error), "details": traceback.format_exc()}
        return ShardResult(report, states)

    def context(self) -> Context:
        cell = self.cell
        return Context(
            cell.model, loaded_denoiser(cell.model, cell.device, cell.dtype), cell.schedule, cell.levels,
            torch.device(cell.device), cell.seed, cell.final, cell.noise_block, cell.noise_on, cell.guidance,
        )  # fmt: skip

    def accumulators(self, states: dict[str, State] | None = None) -> list[Accumulator]:
        """One for each metric: fresh, or with what it has seen."""
        context = self.context()
        made = [metric.start(context) for metric in self.metrics.values()]
        for label, accumulator in zip(self.metrics, made, strict=True):
            if states is not None:
                accumulator.load(states[label])
        return made

    def states(self, accumulators: Sequence[Accumulator]) -> dict[str, State]:
        return {label: made.state() for label, made in zip(self.metrics, accumulators, strict=True)}


class LoadModel(Task):
    """Load the model, before any work; `status` is "refused" where it is the user who is to be told why it cannot."""

    def work(self, report: dict[str, Any], given: Any) -> dict[str, State]:
        try:
            self.prepare()
            self.try_guidance()
        except UsageError as error:
            report |= {"status": "refused", "reason": str(error)}
        except Exception as error:
            if status_of(error) == "oom":  # which may pass: the cell's own
                return {}
            report |= {
                "status": "refused", "reason": f"model {self.cell.model.title} cannot be loaded: {sentence(error)}."
            }  # fmt: skip
        return {}

    def try_guidance(self) -> None:
        """Ask the guided denoiser once, of one sample of zeros: what it cannot be asked is said before any work."""
        cell = self.cell
        if cell.guidance is None or cell.skip:
            return
        denoise = loaded_denoiser(cell.model, cell.device, cell.dtype)
        denoise.at(torch.arange(1, device=cell.device))
        with torch.inference_mode():
            x = torch.zeros(1, *cell.model.shape, device=cell.device)
            guided(cell.guidance, denoise, cell.levels)(x, cell.levels.sigmas[0])


class MakeSamples(Task):
    """Make the samples of a shard, and show them to the metrics."""

    def work(self, report: dict[str, Any], given: Shard) -> dict[str, State]:
        report |= {"n": 0, "machine": machine(self.cell.device)}
        with exclusive(self.cell.device) if self.exclusive else nullcontext(), time_limit(self.timeout):
            run = Run(self.cell, self.tick)
            with counting(run, report):
                accumulators = self.accumulators()
                with nullcontext(skip) if self.cell.save is None else self.cell.save.shard(self.cell) as keep:
                    try:
                        for x, index in run.samples(given.first, given.n):
                            for accumulator in accumulators:
                                accumulator.update(x, index)
                            keep(x, index)
                            report["n"] += len(x)
                    except Interrupted:  # between two batches: what is made is kept
                        report["status"] = "interrupted"
        return self.states(accumulators)


@contextmanager
def counting(run: Run, report: dict[str, Any]) -> Iterator[None]:
    """What was spent is reported however the run ends."""
    try:
        yield
    finally:
        batch = run.size if run.size < run.cell.batch_size and not run.cell.adaptive else None
        report |= {"counts": run.counts(), "costs": run.costs(), "batch": batch}


class CheckStates(Task):
    """See whether the metrics can go on from what they are said to have seen."""

    def work(self, report: dict[str, Any], given: ShardResult) -> dict[str, State]:
        context = self.context()
        for label, metric in self.metrics.items():
            report["metric"] = label
            metric.start(context).load(given.states[label])
        return {}


class MergeShards(Task):
    """Two parts of the cell's samples as one."""

    def work(self, report: dict[str, Any], given: tuple[ShardResult, ShardResult]) -> dict[str, State]:
        both = [self.accumulators(part.states) for part in given]
        for accumulator, other in zip(*both, strict=True):
            accumulator.merge(other)
        return self.states(both[0])


class ComputeMetrics(Task):
    """The metrics' columns, by their labels."""

    def work(self, report: dict[str, Any], given: ShardResult) -> dict[str, State]:
        report["columns"] = {}
        with time_limit(self.timeout):
            accumulators = self.accumulators(given.states)
            for (label, metric), accumulator in zip(self.metrics.items(), accumulators, strict=True):
                report["columns"][label] = columns(metric, accumulator.compute())
        return {}


def together(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What several shards say, as one: sums of counts, times and joules, and the highest peaks."""
    whole: dict[str, Any] = {}
    for report in parts:
        if not whole:
            whole = report
            continue
        costs, more = whole["costs"], report["costs"]
        if costs and any(whole["machine"][k] != report["machine"][k] for k in ("device", "threads", "torch")):
            more = more | {"timing_valid": False}  # one row, two machines
        whole = report | {
            "n": whole["n"] + report["n"],
            "counts": {
                k: (max if k.endswith("_max") else sum)((v, report["counts"][k])) for k, v in whole["counts"].items()
            },
            "costs": {k: added(k, v, more.get(k)) for k, v in costs.items()} if costs else more,
            "batch": min((b for b in (whole.get("batch"), report.get("batch")) if b), default=None),
        }
    return whole


def added(name: str, a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    if isinstance(a, bool):
        return a and b
    return max(a, b) if name.endswith("_mb") else a + b


def columns(metric: Metric, values: dict[str, Any]) -> dict[str, Any]:
    """A metric's columns as a row can hold them. TypeError for a value or a name that it cannot."""
    for name, value in values.items():
        if name in ORDER or not (value is None or isinstance(value, str | Real)):
            raise TypeError(f"metric {metric.name} gave {name} = {value!r}, which is no column of numbers or text")
    return {n: v if v is None or isinstance(v, str) else float(v) for n, v in values.items()}


def status_of(error: BaseException) -> str:
    """The status of a cell that ended so."""
    if isinstance(error, Diverged):
        return "diverged"
    if isinstance(error, OutOfTime):
        return "timeout"
    full = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return "oom" if full or isinstance(error, torch.OutOfMemoryError | MemoryError) else "failed"
