"""What comes back from a shard of a cell: plain values and arrays, which cross a process boundary without pickle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from benchbox.store.arrays import pack, unpack

State = dict[str, NDArray[Any]]
"""A metric's accumulator as arrays."""


@dataclass(frozen=True)
class ShardResult:
    """What a task reports (JSON values: status, reason, counts, costs, columns) and its metrics' states, by name."""

    report: dict[str, Any]
    states: dict[str, State] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """ValueError where a state holds what is no array of numbers or text."""
        order = [(metric, name) for metric, state in self.states.items() for name in state]
        arrays = {str(i): self.states[metric][name] for i, (metric, name) in enumerate(order)}
        return pack({"report": self.report, "metrics": list(self.states), "order": order}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> ShardResult:
        """The result that was written; nothing is unpickled. ValueError or LookupError for other bytes."""
        head, arrays = unpack(data)
        states: dict[str, State] = {metric: {} for metric in head["metrics"]}
        for i, (metric, name) in enumerate(head["order"]):
            states[metric][name] = arrays[str(i)]
        return cls(head["report"], states)
