"""Boards by noise levels: one schedule and grid for all, or those that each sampler recommends."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from benchbox.report.board import LevelsKind, grouped
from benchbox.report.entry import LEVELS, BoardRow
from benchbox.store.schema import scored


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
    """Whether each row has the levels that its sampler gets by default."""
    settings = [(row["sampler"], *(row[name] for name in LEVELS)) for row in rows]
    by_default = [not chosen_by_command(row["command"], row["schedule_options"], row["grid_options"]) for row in rows]
    defaults = {setting for setting, default in zip(settings, by_default, strict=True) if default}
    return [setting in defaults for setting in settings]


@lru_cache(4096)
def chosen_by_command(command: str, schedule_options: str, grid_options: str) -> bool:
    """Whether a command (empty: a call from Python) sets the schedule, the grid, or an option of either."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    options = {*json.loads(schedule_options), *json.loads(grid_options)}
    for word, following in pairwise([*words, ""]):
        name, _, value = word.partition("=")
        if name in ("--schedule", "--grid", "--config"):
            return True
        if name == "--set" and (value or following).split("=")[0].rsplit(".", 1)[-1] in options:
            return True
    return False
