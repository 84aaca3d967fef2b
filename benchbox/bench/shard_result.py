"""The shards of a cell and their results: plain values and arrays, which cross a process boundary without pickle."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from benchbox.store.arrays import pack, unpack

if TYPE_CHECKING:
    from benchbox.bench.cell import Cell

SHARDS = 8
"""Shards of a cell: a process that is killed loses at most one."""


@dataclass(frozen=True)
class Shard:
    """The samples first … first+n−1 of a cell."""

    first: int
    n: int


def shards(cell: Cell, begin: int = 0, count: int = SHARDS) -> list[Shard]:
    """At most `count` shards of whole noise blocks and batches, without the samples before `begin`.

    Their boundaries do not depend on `begin`, so a resumed cell adds the same numbers in the same order.
    """
    unit = cell.noise_block if cell.adaptive else math.lcm(cell.batch_size, cell.noise_block)
    size = -(-cell.n_samples // (unit * count)) * unit
    ends = [*range(size, cell.n_samples, size), cell.n_samples]
    firsts = [max(begin, end - size if end % size == 0 else end - end % size) for end in ends]
    return [Shard(first, end - first) for first, end in zip(firsts, ends, strict=True) if first < end]


State = dict[str, NDArray[Any]]
"""The state of a metric's accumulator."""

Report = dict[str, Any]
"""JSON values: status, reason, counts, costs, columns."""


@dataclass(frozen=True)
class ShardResult:
    """A task's report and the states of its metrics, by label."""

    report: Report
    states: dict[str, State] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """ValueError where a state holds anything but arrays of numbers or text."""
        order = [(label, name) for label, state in self.states.items() for name in state]
        arrays = {str(i): self.states[label][name] for i, (label, name) in enumerate(order)}
        return pack({"report": self.report, "metrics": list(self.states), "order": order}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> ShardResult:
        """The inverse of `to_bytes`; nothing is unpickled. ValueError or LookupError for other bytes."""
        head, arrays = unpack(data)
        states: dict[str, State] = {label: {} for label in head["metrics"]}
        for i, (label, name) in enumerate(head["order"]):
            states[label][name] = arrays[str(i)]
        return cls(head["report"], states)


def merged_reports(first: Report, second: Report) -> Report:
    """The reports of two shards as one: sums of counts, times and joules, and the highest peaks."""
    costs, second_costs = first["costs"], second["costs"]
    if costs and any(first["machine"][key] != second["machine"][key] for key in ("device", "threads", "torch")):
        second_costs = second_costs | {"timing_valid": False}  # one row, two machines
    return second | {
        "n": first["n"] + second["n"],
        "counts": {
            name: (max if name.endswith("_max") else sum)((count, second["counts"][name]))
            for name, count in first["counts"].items()
        },
        "costs": {k: _merged_cost(k, v, second_costs.get(k)) for k, v in costs.items()} if costs else second_costs,
        "batch": min((report["batch"] for report in (first, second) if report.get("batch")), default=None),
    }


def _merged_cost(name: str, first: Any, second: Any) -> Any:
    """None where one is unknown, the logical and of flags, the larger peak of memory, else the sum."""
    if first is None or second is None:
        return None
    if isinstance(first, bool):
        return first and second
    return max(first, second) if name.endswith("_mb") else first + second
