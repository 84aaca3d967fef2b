"""The run of one cell: the results of its shards, merged in order, and the row that they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchbox.bench.plan import PlannedCell, Row
from benchbox.bench.row import checked_row, cost_columns, initial_row, now, state_key, with_values
from benchbox.bench.shard_result import ShardResult, merged_reports
from benchbox.bench.task import ComputeMetrics, MakeSamples, MergeShards, Task, no_tick
from benchbox.guidance import NO_LIMIT
from benchbox.store.states import MetricState

if TYPE_CHECKING:
    from benchbox.bench.run import Tick

Do = Callable[[Task, Any], ShardResult]
"""Runs a task: in this process or in another."""


@dataclass(frozen=True)
class TaskLimits:
    """How the tasks of a cell run.

    timeout: seconds for the cell. exclusive: nothing of benchbox runs beside it on its device. isolated: not in the
    calling process.
    """

    timeout: float | None = None
    exclusive: bool = False
    isolated: bool = False


@dataclass(eq=False)
class CellRun:
    """A cell under way: an earlier run made `first` of its samples, `n` are finished; `over`: no more are made."""

    planned: PlannedCell
    limits: TaskLimits = TaskLimits()
    tick: Tick = no_tick
    first: int = 0
    over: bool = False
    details: str = ""
    total: ShardResult | None = None
    failure: Row | None = None
    began: str = field(default_factory=now)

    def __post_init__(self) -> None:
        self.cell, self.metrics = self.planned.cell, self.planned.metrics

    def resume(self, earlier: ShardResult) -> None:
        """Start from the samples of an earlier run."""
        self.first, self.total = int(earlier.report["n"]), earlier

    def restart(self) -> None:
        """Start from the first sample."""
        self.first, self.total = 0, None

    @property
    def n(self) -> int:
        return 0 if self.total is None else int(self.total.report["n"])

    @property
    def complete(self) -> bool:
        """Whether no more samples are to be made."""
        return bool(self.over or self.cell.skip or self.planned.todo == "done" or self.n == self.cell.n_samples)

    @property
    def elapsed(self) -> float:
        """Seconds that the shards took so far."""
        costs = None if self.total is None else self.total.report["costs"]
        return float(costs["elapsed_s"]) if costs else 0.0

    def sampling(self) -> MakeSamples:
        """The task of its next shard, with what is left of the cell's time."""
        timeout = self.limits.timeout
        left = None if timeout is None else max(timeout - self.elapsed, 0.0)
        return MakeSamples(self.cell, self.metrics, left, self.limits.exclusive, self.limits.isolated, self.tick)

    def task(self, kind: type[Task]) -> Task:
        return kind(self.cell, self.metrics, self.limits.timeout, isolated=self.limits.isolated)

    def add(self, result: ShardResult, do: Do) -> None:
        """Merge the result of the next shard."""
        if result.report["status"] not in ("done", "interrupted"):
            return self.fail(result.report)
        if self.total is None:
            self.total = result
            return None
        merged = do(self.task(MergeShards), (self.total, result))
        if merged.report["status"] != "done":
            return self.fail(merged.report)
        self.total = ShardResult(merged_reports(self.total.report, result.report), merged.states)
        if self.limits.timeout is not None and self.elapsed > self.limits.timeout and not self.complete:
            return self.fail({"status": "timeout", "reason": ""})
        return None

    def fail(self, report: dict[str, Any]) -> None:
        """End the run with the status of a report; the row includes what earlier shards cost."""
        self.over, self.details = True, report.get("details") or ""
        timed_out = report["status"] == "timeout"
        reason = f"it ran longer than {self.limits.timeout:g} s" if timed_out else report["reason"]
        self.failure = {"status": report["status"], "reason": reason}
        if "counts" in report:
            self.total = ShardResult(merged_reports(self.total.report, report) if self.total else report)

    def metric_states(self) -> dict[str, MetricState]:
        """The states of the metrics after all samples so far, by the names under which they are stored."""
        assert self.total is not None
        n, counts, states = self.n, self.total.report["counts"], self.total.states
        return {state_key(self.cell, self.metrics[label]): MetricState(n, counts, states[label]) for label in states}

    def row(self, do: Do) -> Row:
        row = initial_row(self.cell, self.metrics) | {"started_at": self.began}
        if self.cell.skip:
            return row
        report = {} if self.total is None else self.total.report
        if report:  # costs: None where all samples are of an earlier run
            row |= report.get("machine", {}) | (cost_columns(report) if report["costs"] else {})
            row["n_timed"] = self.n - self.first
        row["timing_valid"] = bool(row.get("wall_s") and row["timing_valid"] and not self.first)
        row = self.with_metrics(row, do) if self.failure is None else row | self.failure
        if (batch := report.get("batch")) and row["status"] == "done":
            row["reason"] = f"a batch of {self.cell.batch_size} did not fit into memory: batches of {batch} were run"
        methods = [method for method in (self.cell.sampler, self.cell.guidance) if method is not None]
        if not all(method.continuous_limit for method in methods) and row["status"] == "done":
            row["reason"] = "; ".join(filter(None, (row["reason"], NO_LIMIT)))
        return checked_row(row)

    def with_metrics(self, row: Row, do: Do) -> Row:
        """The row with the metrics' columns, and with the status of computing them."""
        report = do(self.task(ComputeMetrics), self.total).report
        self.details = report.get("details") or ""
        row = row | {"status": report["status"], "reason": report["reason"]}
        return with_values(row, report["columns"]) if row["status"] == "done" else row
