"""Which rows share their schedule and grid, and which ran on those that their sampler recommends."""

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
    """Rows of one task, as boards: `recommended` levels together where they differ, and each setting of them.

    A setting that only one sampler has, and recommends, stands on the former alone. Samples that were made elsewhere
    are apart. Every row is on some board.
    """
    if elsewhere := [row for row in rows if scored(row)]:
        yield "unknown", elsewhere
    rows = [row for row in rows if not scored(row)]
    recommended = recommends(rows)
    together = [row for row, own in zip(rows, recommended, strict=True) if own]
    several = len(grouped(together, LEVELS)) > 1
    if several:
        yield "recommended", together
    alone = [row for row, own in zip(rows, recommended, strict=True) if not own]
    others = grouped(alone, LEVELS)
    for levels, part in sorted(grouped(rows, LEVELS).items()):
        if not several or levels in others or len({row["sampler"] for row in part}) > 1:
            yield "same", part


def recommends(rows: Sequence[BoardRow]) -> list[bool]:
    """Whether each row has levels that its sampler gets where the user asks for none."""
    lines = [(row["sampler"], *(row[name] for name in LEVELS)) for row in rows]
    own = [not chosen_by_command(row["command"], row["schedule_options"], row["grid_options"]) for row in rows]
    known = {line for line, default in zip(lines, own, strict=True) if default}
    return [line in known for line in lines]


@lru_cache(4096)
def chosen_by_command(command: str, schedule_options: str, grid_options: str) -> bool:
    """Whether a command (empty: a call from Python) says the schedule or the grid, or an option of these."""
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
