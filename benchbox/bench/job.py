"""A cell in the making: the parts that its shards gave, added up in order, and the row that comes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchbox.bench.cell import Cell
from benchbox.bench.plan import Todo
from benchbox.bench.row import blank, judged, measured
from benchbox.bench.run import Tick
from benchbox.bench.shard_result import ShardResult
from benchbox.bench.task import Compute, Merge, Sample, Task, nothing, together
from benchbox.metric import Metric
from benchbox.store.states import MetricState

Do = Callable[[Task, Any], ShardResult]
"""Runs a task where it is to run."""


class Job:
    """A cell of which `first` samples were made earlier and `n` are in all; `over`: nothing more is to come."""

    def __init__(
        self,
        cell: Cell,
        metrics: tuple[Metric, ...],
        what: Todo = "run",
        old: dict[str, Any] | None = None,
        timeout: float | None = None,
        exclusive: bool = False,
        tick: Tick = nothing,
        isolated: bool = False,
    ) -> None:
        self.cell, self.metrics, self.what, self.old = cell, metrics, what, old
        self.timeout, self.exclusive, self.tick, self.isolated = timeout, exclusive, tick, isolated
        self.first, self.over, self.details = 0, False, ""
        self.total: ShardResult | None = None
        self.failure: dict[str, Any] | None = None
        self.blank = blank(cell, metrics)

    def start(self, part: ShardResult) -> None:
        """Go on from the first samples, which were made before."""
        self.first, self.total = int(part.report["n"]), part

    @property
    def n(self) -> int:
        return 0 if self.total is None else int(self.total.report["n"])

    @property
    def whole(self) -> bool:
        """No sample is to be made any more."""
        return bool(self.over or self.cell.skip or self.what == "done" or self.n == self.cell.n_samples)

    @property
    def spent(self) -> float:
        """Seconds that the shards took so far."""
        costs = None if self.total is None else self.total.report["costs"]
        return float(costs["elapsed_s"]) if costs else 0.0

    def sampling(self) -> Sample:
        """The task of its next shard, which has what is left of the cell's time."""
        left = None if self.timeout is None else max(self.timeout - self.spent, 0.0)
        return Sample(self.cell, self.metrics, left, self.exclusive, self.isolated, self.tick)

    def task(self, kind: type[Task]) -> Task:
        """A task that makes no samples."""
        return kind(self.cell, self.metrics, self.timeout, isolated=self.isolated)

    def add(self, part: ShardResult, do: Do) -> None:
        """Take in the part of the next shard."""
        if part.report["status"] not in ("done", "interrupted"):
            return self.fail(part.report)
        if self.total is None:
            self.total = part
            return None
        merged = do(self.task(Merge), (self.total, part))
        if merged.report["status"] != "done":
            return self.fail(merged.report)
        self.total = ShardResult(together([self.total.report, part.report]), merged.states)
        if self.timeout is not None and self.spent > self.timeout and not self.whole:
            return self.fail({"status": "timeout", "reason": ""})
        return None

    def fail(self, said: dict[str, Any]) -> None:
        """It ends here; what its earlier shards spent is in the row, too."""
        self.over, self.details = True, said.get("details") or ""
        reason = f"it ran longer than {self.timeout:g} s" if said["status"] == "timeout" else said["reason"]
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
        if self.cell.skip:
            return self.blank
        row = dict(self.blank)
        if self.total is not None:
            said = self.total.report
            row |= said.get("machine", {})
            row |= measured(said) if said["costs"] else {}
            row["n_timed"] = self.n - self.first
        row["timing_valid"] = bool(row.get("wall_s") and row["timing_valid"] and not self.first)
        if self.failure is None:
            computed = do(self.task(Compute), self.total)
            row |= {"status": computed.report["status"], "reason": computed.report["reason"]}
            row |= computed.report.get("columns", {}) if row["status"] == "done" else {}
            self.details = computed.report.get("details") or ""
        else:
            row |= self.failure
        return judged(self.remarked(row))

    def remarked(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with a word on a batch that was halved."""
        batch = None if self.total is None else self.total.report.get("batch")
        if batch and row["status"] == "done":
            row["reason"] = f"a batch of {self.cell.batch_size} did not fit into memory: batches of {batch} were run"
        return row
