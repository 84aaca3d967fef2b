"""The run of one cell: what its shards gave so far, added up in order, and the row that comes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchbox.bench.plan import PlannedCell
from benchbox.bench.row import blank, judged, measured, now, valued
from benchbox.bench.run import Tick
from benchbox.bench.shard_result import ShardResult
from benchbox.bench.task import ComputeMetrics, MakeSamples, MergeShards, Task, no_tick, together
from benchbox.guidance import NO_LIMIT
from benchbox.store.states import MetricState

Do = Callable[[Task, Any], ShardResult]
"""Runs a task where it is to run."""


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
    """A cell under way: `first` of its samples were made earlier, `n` are there in all; `over`: no more will come."""

    planned: PlannedCell
    limits: TaskLimits = TaskLimits()
    tick: Tick = no_tick
    first: int = 0
    over: bool = False
    details: str = ""
    total: ShardResult | None = None
    failure: dict[str, Any] | None = None
    began: str = field(default_factory=now)

    def __post_init__(self) -> None:
        self.cell, self.metrics = self.planned.cell, self.planned.metrics

    def start(self, part: ShardResult) -> None:
        """Go on from the first samples, which were made before."""
        self.first, self.total = int(part.report["n"]), part

    @property
    def n(self) -> int:
        return 0 if self.total is None else int(self.total.report["n"])

    @property
    def whole(self) -> bool:
        """Whether no more samples are to be made."""
        return bool(self.over or self.cell.skip or self.planned.todo == "done" or self.n == self.cell.n_samples)

    @property
    def spent(self) -> float:
        """Seconds that the shards took so far."""
        costs = None if self.total is None else self.total.report["costs"]
        return float(costs["elapsed_s"]) if costs else 0.0

    def sampling(self) -> MakeSamples:
        """The task of its next shard, which has what is left of the cell's time."""
        timeout = self.limits.timeout
        left = None if timeout is None else max(timeout - self.spent, 0.0)
        return MakeSamples(self.cell, self.metrics, left, self.limits.exclusive, self.limits.isolated, self.tick)

    def task(self, kind: type[Task]) -> Task:
        """A task that makes no samples."""
        return kind(self.cell, self.metrics, self.limits.timeout, isolated=self.limits.isolated)

    def add(self, part: ShardResult, do: Do) -> None:
        """Take in the result of the next shard."""
        if part.report["status"] not in ("done", "interrupted"):
            return self.fail(part.report)
        if self.total is None:
            self.total = part
            return None
        merged = do(self.task(MergeShards), (self.total, part))
        if merged.report["status"] != "done":
            return self.fail(merged.report)
        self.total = ShardResult(together([self.total.report, part.report]), merged.states)
        if self.limits.timeout is not None and self.spent > self.limits.timeout and not self.whole:
            return self.fail({"status": "timeout", "reason": ""})
        return None

    def fail(self, said: dict[str, Any]) -> None:
        """It ends here; what its earlier shards spent is in the row, too."""
        self.over, self.details = True, said.get("details") or ""
        reason = f"it ran longer than {self.limits.timeout:g} s" if said["status"] == "timeout" else said["reason"]
        self.failure = {"status": said["status"], "reason": reason}
        if "counts" in said:
            before = [] if self.total is None else [self.total.report]
            self.total = ShardResult(together([*before, said]))

    def kept(self) -> dict[str, MetricState]:
        """What the metrics have seen of all samples so far."""
        assert self.total is not None
        counts = self.total.report["counts"]
        return {name: MetricState(self.n, counts, state) for name, state in self.total.states.items()}

    def row(self, do: Do) -> dict[str, Any]:
        """The cell's row."""
        row = blank(self.cell, self.metrics) | {"started_at": self.began}
        if self.cell.skip:
            return row
        row |= self.costs()
        row["timing_valid"] = bool(row.get("wall_s") and row["timing_valid"] and not self.first)
        row = self.computed(row, do) if self.failure is None else row | self.failure
        return judged(self.remarked(row))

    def costs(self) -> dict[str, Any]:
        """What the samples cost that were made now, and where."""
        if self.total is None:
            return {}
        said = self.total.report
        return {
            **said.get("machine", {}), **(measured(said) if said["costs"] else {}), "n_timed": self.n - self.first,
        }  # fmt: skip

    def computed(self, row: dict[str, Any], do: Do) -> dict[str, Any]:
        """The row with the metrics' columns, and the status that comes of them."""
        said = do(self.task(ComputeMetrics), self.total).report
        self.details = said.get("details") or ""
        row = row | {"status": said["status"], "reason": said["reason"]}
        return valued(row, said["columns"]) if row["status"] == "done" else row

    def remarked(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with a note on a batch that was halved, and on a target that moves with the number of steps."""
        batch = None if self.total is None else self.total.report.get("batch")
        if batch and row["status"] == "done":
            row["reason"] = f"a batch of {self.cell.batch_size} did not fit into memory: batches of {batch} were run"
        guidance = self.cell.guidance
        if guidance and not guidance.continuous_limit and row["status"] == "done":
            row["reason"] = "; ".join(filter(None, (row["reason"], NO_LIMIT)))
        return row
