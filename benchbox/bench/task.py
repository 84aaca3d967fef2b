"""The tasks of a cell. Each is picklable, runs in any process, and returns a `ShardResult`."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchbox.bench.cell import Cell
from benchbox.bench.provenance import machine
from benchbox.bench.row import plain_columns
from benchbox.bench.saving import saved_shard
from benchbox.bench.shard_result import Report, Shard, ShardResult, State
from benchbox.errors import sentence
from benchbox.metric import Accumulator, Context, Metric
from benchbox.project_packages import DISTRIBUTION
from benchbox.stopping import Interrupted, OutOfTime, time_limit
from benchbox.store.leases import exclusive

if TYPE_CHECKING:
    from benchbox.bench.run import Tick


def no_tick() -> None:
    """A tick without effect."""


@dataclass(frozen=True)
class Task(ABC):
    """A piece of a cell's work. Any error in it becomes a status with a reason; only an interrupt is raised.

    metrics: by their labels in the row. isolated: never in the sweep's process, which has imported external code.
    """

    cell: Cell
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    timeout: float | None = None
    exclusive: bool = False
    isolated: bool = False
    tick: Tick = field(default=no_tick, compare=False)

    @property
    def packages(self) -> str:
        """The third-party packages whose code it runs, a comma list; a process that ran it serves no others."""
        return ",".join(name for name in self.cell.packages if name != DISTRIBUTION)

    @property
    def group(self) -> Cell:
        return self.cell

    @property
    def device(self) -> str:
        return self.cell.device

    def prepare(self) -> None:
        """Load the model, and measure the truths of its problem: work that does not count towards the timeout."""
        self.cell.denoiser()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"tick": no_tick}

    @abstractmethod
    def work(self, report: Report, argument: Any) -> dict[str, State]:
        """Do the work: fill the report, and return the metrics' states."""

    def __call__(self, argument: Any) -> ShardResult:
        report: Report = {"status": "done", "reason": None}
        states: dict[str, State] = {}
        try:
            states = self.work(report, argument)
        except (Interrupted, KeyboardInterrupt):
            raise
        except BaseException as error:  # whatever a plugin raises fails its own cell only
            report |= {"status": status_of(error), "reason": sentence(error), "details": traceback.format_exc()}
        return ShardResult(report, states)

    def context(self) -> Context:
        import torch

        cell = self.cell
        return Context(
            cell.model, cell.denoiser(), cell.schedule, cell.levels, torch.device(cell.device), cell.seed, cell.final,
            cell.noise_block, torch.device(cell.noise_device), cell.guidance, cell.measured,
        )  # fmt: skip

    def accumulators(self, states: dict[str, State] | None = None) -> dict[str, Accumulator]:
        """One for each metric by its label: fresh, or in the given state."""
        context = self.context()
        accumulators = {label: metric.start(context) for label, metric in self.metrics.items()}
        if states is not None:
            for label, accumulator in accumulators.items():
                accumulator.load(states[label])
        return accumulators


class MakeSamples(Task):
    """Make the samples of a shard, and update the metrics with them."""

    def work(self, report: Report, argument: Shard) -> dict[str, State]:
        from benchbox.bench.run import Run

        cell = self.cell
        report |= {"n": 0, "machine": machine(cell.device)}
        with exclusive(cell.device) if self.exclusive else nullcontext(), time_limit(self.timeout):
            run = Run(cell, self.tick)
            try:
                accumulators = self.accumulators()
                with saved_shard(cell) if cell.save else nullcontext() as save:
                    try:
                        for x, index in run.samples(argument.first, argument.n):
                            for accumulator in accumulators.values():
                                if cell.model.latent:
                                    accumulator.latents(run.latents[: len(x)], index)
                                accumulator.update(x, index)
                            if save is not None:
                                save(x, index)
                            report["n"] += len(x)
                    except Interrupted:  # between two batches: the samples so far are kept
                        report["status"] = "interrupted"
            finally:  # the costs are reported however the run ends
                batch = run.size if run.size < cell.batch_size and not cell.adaptive else None
                report |= {"counts": run.counts(), "costs": run.costs(), "batch": batch}
        return {label: accumulator.state() for label, accumulator in accumulators.items()}


class CheckStates(Task):
    """Check that the metrics can load their stored states."""

    def work(self, report: Report, argument: ShardResult) -> dict[str, State]:
        context = self.context()
        for label, metric in self.metrics.items():
            report["metric"] = label
            metric.start(context).load(argument.states[label])
        return {}


class MergeShards(Task):
    """Merge the metrics' states of two sets of the cell's samples."""

    def work(self, report: Report, argument: tuple[ShardResult, ShardResult]) -> dict[str, State]:
        accumulators, others = (self.accumulators(result.states) for result in argument)
        for label, accumulator in accumulators.items():
            accumulator.merge(others[label])
        return {label: accumulator.state() for label, accumulator in accumulators.items()}


class ComputeMetrics(Task):
    """The metrics' columns, by their labels."""

    def work(self, report: Report, argument: ShardResult) -> dict[str, State]:
        report["columns"] = {}
        with time_limit(self.timeout):
            for label, accumulator in self.accumulators(argument.states).items():
                report["columns"][label] = plain_columns(self.metrics[label], accumulator.compute())
        return {}


def status_of(error: BaseException) -> str:
    """The status of a cell that ended with an error."""
    import torch

    from benchbox.bench.run import Diverged

    if isinstance(error, Diverged | OutOfTime):
        return "diverged" if isinstance(error, Diverged) else "timeout"
    cpu_memory_full = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return "oom" if cpu_memory_full or isinstance(error, torch.OutOfMemoryError | MemoryError) else "failed"
