"""A leaderboard: the entries that may be compared at one budget, on the same or on recommended noise levels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from benchbox.guidance import NO_LIMIT
from benchbox.report.entry import LEVELS, BoardRow, Entry, Setup, Unranked
from benchbox.report.row_command import named_options, set_options
from benchbox.store.schema import scored

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
    def has_limit(self) -> bool:
        """False where no entry has a continuous limit, so that every budget has another target."""
        return not self.entries or not all(NO_LIMIT in str(entry.row.get("reason")) for entry in self.entries)

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


TUNED = "file"
"""The grid of tuned levels (`benchbox tune`), which belong to one sampler, as its recommended ones do."""


def split_by_levels(rows: Sequence[BoardRow]) -> Iterator[tuple[LevelsKind, list[BoardRow]]]:
    """Rows of one task, split into boards: one of all recommended levels, if these differ; one per schedule and grid.

    A schedule and grid that only one sampler uses, and that it recommends, has no board of its own. Samples that were
    made elsewhere have separate boards. Every row is on some board.
    """
    if external := [row for row in rows if scored(row)]:
        yield "unknown", external
    rows = [row for row in rows if not scored(row)]
    flags = recommends(rows)
    recommended = [row for row, flag in zip(rows, flags, strict=True) if flag]
    several = len(grouped(recommended, LEVELS)) > 1
    if several:
        yield "recommended", recommended
    chosen = grouped([row for row, flag in zip(rows, flags, strict=True) if not flag], LEVELS)
    for levels, group in sorted(grouped(rows, LEVELS).items()):
        if not several or levels in chosen or len({row["sampler"] for row in group}) > 1:
            yield "same", group


def recommends(rows: Sequence[BoardRow]) -> list[bool]:
    """Whether each row has the levels that its sampler gets by default, or levels that were tuned for it."""
    settings = [(row["sampler"], *(row[name] for name in LEVELS)) for row in rows]
    by_default = [not chosen_by_command(row["command"], row["schedule_options"], row["grid_options"]) for row in rows]
    defaults = {setting for setting, default in zip(settings, by_default, strict=True) if default}
    return [setting in defaults or row["grid"] == TUNED for setting, row in zip(settings, rows, strict=True)]


@lru_cache(4096)
def chosen_by_command(command: str, schedule_options: str, grid_options: str) -> bool:
    """Whether a command (empty: a call from Python) sets the schedule, the grid, or an option of either."""
    levels = {*json.loads(schedule_options), *json.loads(grid_options)}
    return bool({"--schedule", "--grid", "--config"} & named_options(command).keys() or levels & set_options(command))
