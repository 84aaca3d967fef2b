"""A leaderboard: the entries that may be compared at one budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchbox.report.entry import BoardRow, Entry, Setup, Unranked

LevelsKind = Literal["same", "recommended", "unknown"]
"""The noise levels of a board: one schedule and grid for all entries, those that each sampler recommends, or unknown
ones, of samples that were made elsewhere."""


@dataclass(frozen=True)
class BoardTask:
    """What must be the same for two values to be comparable."""

    metric: str
    dataset: str
    model: str
    model_options: str
    model_sha256: str
    features: str
    n_samples: int
    reference: str = ""
    """What the samples were compared with, if a row states it."""
    setting: str = "{}"
    """The other options of the metric, as JSON; a file is identified by its checksum."""
    guidance: str = ""
    """Samples under another guidance, or with other options of it, have another target."""
    guidance_options: str = "{}"
    nfe_of: str = ""
    """What the budget counts under a guidance: evaluations of the network, or of the guided denoiser."""
    problem: str = ""
    """The inverse problem, whose methods are compared: guidances that use the measurement, and samplers."""
    problem_options: str = "{}"
    measurements: str = ""
    """How many there are, under a problem."""


@dataclass(frozen=True)
class Board:
    """Comparable entries at one budget."""

    task: BoardTask
    highest: bool
    """Whether more is better."""
    budget: int | None
    """NFE requested; None for adaptive samplers and for unknown levels."""
    levels: LevelsKind
    entries: tuple[Entry, ...]
    """Best first."""
    unranked: tuple[Unranked, ...]

    @property
    def series(self) -> tuple[Any, ...]:
        """The key of a series: boards that differ only in the budget."""
        return self.task, self.levels, self.setups[0].levels if self.levels == "same" else ()

    @property
    def setups(self) -> list[Setup]:
        """The setups of all lines, ranked ones first."""
        return [e.setup for e in self.entries] + [u.setup for u in self.unranked]


def grouped(rows: Iterable[BoardRow], columns: Sequence[str]) -> dict[tuple[Any, ...], list[BoardRow]]:
    """Rows grouped by their values in some columns, in order of first appearance."""
    groups: dict[tuple[Any, ...], list[BoardRow]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in columns), []).append(row)
    return groups
