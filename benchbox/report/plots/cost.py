"""What quality is drawn against: evaluations, or the seconds or memory of one device."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchbox.report.board import Board
from benchbox.report.entry import Entry

CostName = Literal["nfe", "seconds", "memory"]

COST_AXES: dict[CostName, str] = {
    "nfe": "NFE (network evaluations per sample)",
    "seconds": "seconds per 1,000 samples",
    "memory": "peak memory (MB)",
}
"""The costs that quality can be drawn against, with the titles of their axes."""

WITHOUT = {"seconds": "timed under load, or not measured", "memory": "not measured"}
"""Why an entry has no seconds or memory."""


@dataclass(frozen=True)
class CostedEntries:
    """The entries of a series whose cost is known on one device, and how many entries have none there."""

    cost: CostName
    device: str
    """"" for evaluations, which are the same on every device."""
    entries: tuple[tuple[Board, Entry], ...]
    elsewhere: int = 0
    """Entries whose cost was measured on other devices."""
    without: int = 0
    """Entries without the cost."""

    @property
    def left_out(self) -> str:
        """The entries that are left out, by reason; "" if there are none."""
        reasons = [
            f"{self.without} without {self.cost} ({WITHOUT[self.cost]})" if self.without else "",
            f"{self.elsewhere} with {self.cost} of other devices" if self.elsewhere else "",
        ]
        return ", ".join(filter(None, reasons))


def cost_of(entry: Entry, cost: CostName) -> float:
    """The cost of an entry; nan if not measured, or for seconds under load."""
    return {"nfe": entry.nfe, "seconds": entry.cost.seconds, "memory": entry.cost.memory_mb}[cost]


def costed_entries(boards: Sequence[Board], cost: CostName) -> CostedEntries:
    """The entries of a series with their cost on the device that most of them were measured on."""
    entries = [(board, entry) for board in boards for entry in board.entries]
    if cost == "nfe":
        return CostedEntries(cost, "", tuple(entries))
    costed = [(board, entry) for board, entry in entries if not math.isnan(cost_of(entry, cost))]
    counts = Counter(entry.cost.device for _, entry in costed)
    device = counts.most_common(1)[0][0] if counts else ""
    here = tuple((board, entry) for board, entry in costed if entry.cost.device == device)
    return CostedEntries(cost, device, here, len(costed) - len(here), len(entries) - len(costed))
