"""Tasks given to an executor, and their results; the models, which are loaded before the first cell is run."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchbox.bench.cell import Cell
from benchbox.bench.plan import Plan
from benchbox.bench.shard_result import Report, ShardResult, State
from benchbox.bench.task import Task, status_of
from benchbox.bench.worker_warnings import WARNINGS_KEY, show_warnings
from benchbox.errors import UsageError, sentence
from benchbox.executor import Executor, Lost
from benchbox.guidance import Guidance, guided
from benchbox.options import describe
from benchbox.stopping import Interrupted, raise_if_stopped

if TYPE_CHECKING:
    from benchbox.denoiser import Denoiser

POLL = 0.2
"""Seconds between checks for Ctrl-C while a task runs in another process."""


@dataclass(frozen=True)
class Dispatcher:
    """Runs the tasks of a sweep by an executor."""

    executor: Executor

    def submit(self, task: Task, argument: Any) -> Future[ShardResult]:
        try:
            return self.executor.submit(task, argument)
        except Exception as error:  # it cannot be pickled
            failed: Future[ShardResult] = Future()
            failed.set_exception(Lost("failed", sentence(error)))
            return failed

    def outcome(self, future: Future[ShardResult]) -> ShardResult:
        """The result of a submitted task; one with a status and a reason where the task was lost."""
        try:
            return await_result(future)
        except Lost as lost:
            return ShardResult({"status": lost.status, "reason": lost.reason, "details": lost.details})
        except Interrupted:
            raise
        except Exception as error:  # in the executor itself
            return ShardResult({"status": "failed", "reason": sentence(error)})

    def do(self, task: Task, argument: Any) -> ShardResult:
        """Run a task that makes no samples: in this process, unless the sweep is isolated."""
        return self.outcome(self.submit(task, argument)) if self.executor.isolated(task) else task(argument)


def await_result(future: Future[ShardResult]) -> ShardResult:
    """The result of a task; its warnings are shown here. Interrupted where a stop was requested meanwhile."""
    while not wait([future], timeout=POLL).done:
        raise_if_stopped()
    result = future.result()
    if WARNINGS_KEY in result.report:
        show_warnings(result.report)
    return result


class LoadModel(Task):
    """Load the model before any work, and evaluate it under the guidances of the cells in the argument.

    The status is "refused" where the user must change something.
    """

    def work(self, report: Report, argument: Iterable[Cell]) -> dict[str, State]:
        title = self.cell.model.title
        failure = f"model {title} cannot be loaded"
        try:
            denoiser = self.cell.denoiser()
            for cell in argument:
                if cell.guidance is not None:
                    options = " ".join(f"{name}={value}" for name, value in describe(cell.guidance).items())
                    failure = f"guidance {cell.guidance.name} cannot evaluate model {title} with {options}"
                    try_guidance(cell.guidance, denoiser, cell)
        except UsageError as error:
            report |= {"status": "refused", "reason": str(error)}
        except Exception as error:
            if status_of(error) != "oom":  # may be temporary, so it fails its cell only
                report |= {"status": "refused", "reason": f"{failure}: {sentence(error)}."}
        return {}


def try_guidance(guidance: Guidance, denoiser: Denoiser, cell: Cell) -> None:
    """Evaluate the guided denoiser once, on a sample of zeros: a guidance that cannot run is refused early."""
    import torch

    denoiser.at(torch.arange(1, device=cell.device))
    zeros = torch.zeros(1, *cell.model.shape, device=cell.device)
    with torch.inference_mode():
        guided(guidance, denoiser, cell.levels)(zeros, cell.levels.sigmas[0])


def load_models(plan: Plan, executor: Executor, timeout: float | None = None) -> None:
    """Load every model of the cells to do once, where it will run: once for each set of packages.

    UsageError where one cannot be loaded, or cannot be evaluated under one of its guidances.
    """
    groups: dict[Any, dict[Guidance | None, Cell]] = {}
    for cell in (planned.cell for planned in plan.to_do if not planned.cell.skip):
        key = (cell.model, *cell.packages, cell.device, cell.dtype, cell.acceleration)
        groups.setdefault(key, {}).setdefault(cell.guidance, cell)
    for cells in ([*group.values()] for group in groups.values()):
        task = LoadModel(cells[0], timeout=timeout, isolated=plan.isolated)
        try:
            report = await_result(executor.submit(task, cells)).report
        except Lost:
            continue  # a crash or a timeout is reported when the cell runs
        if report["status"] == "refused":
            raise UsageError(report["reason"])
