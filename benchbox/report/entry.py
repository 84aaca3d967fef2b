"""The lines of a leaderboard: a setup with its estimate, rank and cost, or a cell without a rank."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from benchbox.report.estimate import Estimate

LEVELS = ("schedule", "schedule_options", "grid", "grid_options")
"""Columns that determine the noise levels of a run."""

BoardRow = Mapping[str, Any]
"""A row of the results, by column."""

NoiseKey = tuple[int, bool]
"""The seed, and whether the noise was drawn on a GPU. Runs that agree in both share their noise."""


@dataclass(frozen=True)
class Setup:
    """What ran, except for the budget and the seed. Options are JSON; "" for what a row does not state."""

    sampler: str
    sampler_options: str
    sampler_package: str
    sampler_version: str
    schedule: str
    schedule_options: str
    grid: str
    grid_options: str
    dtype: str
    final: str
    guidance: str
    method: str = ""
    """The guidance that uses the measurement of an inverse problem."""
    method_options: str = "{}"
    weights_dtype: str = ""
    memory_format: str = ""
    compile: str = ""

    @property
    def levels(self) -> tuple[str, ...]:
        """The schedule and the grid, with their options."""
        return tuple(str(getattr(self, name)) for name in LEVELS)


SETUP = tuple(f.name for f in fields(Setup))


@dataclass(frozen=True)
class Cost:
    """The cost of an entry on one device; nan if not measured."""

    seconds: float = math.nan
    """Per 1,000 samples, of sampling only, without warm-up."""
    memory_mb: float = math.nan
    """Peak GPU memory; on a CPU, of the process."""
    device: str = ""


@dataclass(frozen=True)
class Entry:
    """A line of a board: one setup, averaged over seeds."""

    setup: Setup
    nfe: float
    """Measured evaluations per sample (mean)."""
    n_backward: float
    """Measured backwards of the network per sample (mean)."""
    estimate: Estimate
    """The mean over seeds, with its standard error."""
    rank_low: int
    rank_high: int
    behind: Difference | None
    """How much worse than the first entry of the board; None for the first itself."""
    cost: Cost
    values: Mapping[NoiseKey, float] = field(repr=False)
    """The value for each seed."""
    cells: tuple[str, ...] = field(repr=False)
    """The cells that the entry averages."""
    row: BoardRow = field(repr=False, default_factory=dict)
    """One of the rows, for what a setup does not state."""

    @property
    def value(self) -> float:
        return self.estimate.value

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval; nan if the standard error is unknown. True values are never negative."""
        return max(self.value - self.estimate.half_width, min(self.value, 0.0))

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + self.estimate.half_width

    @property
    def sure(self) -> bool:
        """Whether the standard error is known; if not, the rank is only the position in the order of values."""
        return not math.isnan(self.estimate.error)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({seed for seed, _ in self.values}))


@dataclass(frozen=True)
class Difference:
    """The difference between two entries. A paired difference is over shared seeds, whose common noise cancels."""

    estimate: Estimate
    paired: bool
    pairs: int = 0


@dataclass(frozen=True)
class Unranked:
    """A cell without a rank, and the reason."""

    setup: Setup
    seed: int
    nfe: float
    status: str
    reason: str
    cell: str
    row: BoardRow = field(repr=False, default_factory=dict, compare=False)
