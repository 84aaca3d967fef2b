"""What comes back from a shard of a cell: plain values and arrays, which cross a process boundary without pickle."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

State = dict[str, NDArray[Any]]
"""A metric's accumulator as arrays."""

SAID = "said"


@dataclass(frozen=True)
class Part:
    """What a task says (JSON values: status, reason, counts, costs, columns) and its metrics' states, by name."""

    said: dict[str, Any]
    states: dict[str, State] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """An .npz without objects. ValueError where a state holds what is no array of numbers or text."""
        order = [(metric, name) for metric, state in self.states.items() for name in state]
        arrays = {str(i): np.asarray(self.states[metric][name]) for i, (metric, name) in enumerate(order)}
        if any(array.dtype.hasobject for array in arrays.values()):
            raise ValueError("a metric's state holds objects, where arrays of numbers are meant")
        head = json.dumps({"said": self.said, "metrics": list(self.states), "order": order})
        file = io.BytesIO()
        named: dict[str, Any] = {SAID: np.array(head), **arrays}
        np.savez(file, **named)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Part:
        """The part that was written; nothing is unpickled."""
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            head = json.loads(file[SAID].item())
            states: dict[str, State] = {metric: {} for metric in head["metrics"]}
            for i, (metric, name) in enumerate(head["order"]):
                states[metric][name] = file[str(i)]
        return cls(head["said"], states)
