"""The nouns of a leaderboard: a board is what may be compared at one budget, an entry one setup on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from benchbox.report.estimate import Estimate

LEVELS = ("schedule", "schedule_options", "grid", "grid_options")
"""Columns that say where the levels come from."""

BoardRow = Mapping[str, Any]
"""A row of the results, by column."""

LevelsKind = Literal["same", "recommended", "unknown"]
"""Of a board's levels: one schedule and grid for all, for each sampler those that it recommends, or those of samples
that were made elsewhere."""

NoiseKey = tuple[int, bool]
"""The seed, and whether it was drawn on a GPU: where both are the same, so is the noise."""


@dataclass(frozen=True)
class Setup:
    """What ran, but for the budget and the seed. Options are JSON; what a row does not say is empty."""

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

    @property
    def levels(self) -> tuple[str, ...]:
        """The schedule and the grid, with their options."""
        return tuple(str(getattr(self, name)) for name in LEVELS)


SETUP = tuple(f.name for f in fields(Setup))


@dataclass(frozen=True)
class Cost:
    """What an entry costs on one device; nan where it was not measured."""

    seconds: float = math.nan
    """Per 1,000 samples: sampling alone, warm-up excluded."""
    memory_mb: float = math.nan
    """Peak of the GPU, else of the process."""
    device: str = ""


@dataclass(frozen=True)
class Entry:
    """A line of a board: one setup, its seeds pooled."""

    setup: Setup
    nfe: float
    """Evaluations per sample as measured (mean)."""
    estimate: Estimate
    """The mean over seeds, with its standard error."""
    rank_low: int
    rank_high: int
    behind: Difference | None
    """How much worse than the board's first; None for the first itself."""
    cost: Cost
    values: Mapping[NoiseKey, float] = field(repr=False)
    """The value for each seed."""
    cells: tuple[str, ...] = field(repr=False)
    """The ids of the rows."""
    row: BoardRow = field(repr=False, default_factory=dict)
    """One of the rows, for what a setup does not say."""

    @property
    def value(self) -> float:
        return self.estimate.value

    @property
    def low(self) -> float:
        """Of the 95 % interval; nan where the uncertainty is unknown. No ranked metric is truly below 0."""
        return max(self.value - self.estimate.half_width, min(self.value, 0.0))

    @property
    def high(self) -> float:
        return self.value + self.estimate.half_width

    @property
    def sure(self) -> bool:
        """Whether the uncertainty of the value is known; where not, the rank is only its place."""
        return not math.isnan(self.estimate.error)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({seed for seed, _ in self.values}))


@dataclass(frozen=True)
class Difference:
    """Of two entries. Where it is paired, over the seeds that both share, their common noise cancels."""

    estimate: Estimate
    paired: bool
    pairs: int = 0


@dataclass(frozen=True)
class Unranked:
    """A cell that has no rank, and why."""

    setup: Setup
    seed: int
    nfe: float
    status: str
    reason: str
    cell: str
    row: BoardRow = field(repr=False, default_factory=dict, compare=False)


@dataclass(frozen=True)
class BoardTask:
    """What must be the same for two numbers to be compared."""

    metric: str
    dataset: str
    model: str
    model_options: str
    model_sha256: str
    features: str
    n_samples: int
    reference: str = ""
    """What the samples were compared with, where a row says it."""
    setting: str = "{}"
    """The other options of the metric, as JSON; a file among them is named by its contents."""
    guidance: str = ""
    """Another guidance, and another scale, is another target."""
    guidance_options: str = "{}"
    nfe_of: str = ""
    """What budgets count, where that is not the same: evaluations of the network, or of the guided denoiser."""


@dataclass(frozen=True)
class Board:
    """What may be compared, at one budget."""

    task: BoardTask
    highest: bool
    """Whether more is better."""
    budget: int | None
    """NFE asked for; None for adaptive samplers, and where the levels are unknown."""
    levels: LevelsKind
    entries: tuple[Entry, ...]
    """Best first."""
    unranked: tuple[Unranked, ...]

    @property
    def series(self) -> tuple[Any, ...]:
        """Boards of one series differ in the budget alone."""
        return self.task, self.levels, self.setups[0].levels if self.levels == "same" else ()

    @property
    def setups(self) -> list[Setup]:
        """Of all lines, the ranked first."""
        return [e.setup for e in self.entries] + [u.setup for u in self.unranked]


def grouped(rows: Iterable[BoardRow], columns: Sequence[str]) -> dict[tuple[Any, ...], list[BoardRow]]:
    """Rows by their values in some columns, in the order of the first of each."""
    groups: dict[tuple[Any, ...], list[BoardRow]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in columns), []).append(row)
    return groups
