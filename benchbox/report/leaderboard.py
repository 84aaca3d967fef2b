"""A board as a sheet: the text that every output format shows, not yet escaped."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from benchbox.report.board import Board
from benchbox.report.distinctions import distinctions
from benchbox.report.entry import Difference, Entry, Unranked
from benchbox.report.estimate import CONFIDENCE
from benchbox.report.headings import board_title, full_name, part_name
from benchbox.report.table import Defaults, count_of, number
from benchbox.report.ties import TIE_LEVEL

COST_COLUMNS = SECONDS, MEMORY = ("s / 1,000", "MB")
"""Columns that are omitted where fewer than half of the lines have them, as on a loaded machine."""

SHARED_COLUMNS = ("schedule", "grid", "seeds")
"""Columns that move into the title where all lines, two or more, agree."""

BACKWARDS = "backwards"
"""The column of vector–Jacobian products per sample, where a method takes any."""

NONE = number(None)

LEGEND = (
    f"± is half the width of the {CONFIDENCE:.0%} interval of the mean over seeds. Samplers that the measurements do "
    f"not separate have overlapping rank ranges (equal samplers are separated with probability {TIE_LEVEL:.0%}). "
    "Bold: possibly the best. Italics: a paired difference, over shared seeds, whose common noise cancels. "
    "?: the standard error is unknown (one seed, and no interval). FID is biased upward at finite sample size; "
    "its ± is that of fid_inf, the extrapolation to infinitely many samples."
)

Style = Literal["", "bold", "italic"]


@dataclass(frozen=True)
class SheetCell:
    text: str
    style: Style = ""


@dataclass(frozen=True)
class Sheet:
    """A table for people. words: the columns of text; all others are numbers."""

    title: str
    columns: tuple[str, ...]
    words: frozenset[str]
    lines: tuple[tuple[SheetCell, ...], ...]
    notes: tuple[str, ...] = ()


Declared = Callable[[str], Collection[str]]
"""(sampler) to the options that it declares to change the law of its samples."""


def undeclared(sampler: str) -> Collection[str]:
    """No sampler is known to declare anything."""
    return ()


def sheets(boards: Iterable[Board], defaults: Defaults, declared: Declared = undeclared) -> list[Sheet]:
    """A sheet per board, no two of one title; options with their default value are not shown."""
    boards = list(boards)
    made = [sheet(board, defaults, declared) for board in boards]
    apart = distinctions([sheet.title for sheet in made], [board.task for board in boards])
    return [replace(s, title=", ".join([s.title, *words])) for s, words in zip(made, apart, strict=True)]


def sheet(board: Board, defaults: Defaults, declared: Declared = undeclared) -> Sheet:
    lines = [_entry_line(entry, board, defaults) for entry in board.entries]
    texts = {c: [line[c].text for line in lines] for c in (lines[0] if lines else ())}
    shared = [c for c in SHARED_COLUMNS if len(lines) > 1 and len(set(texts.get(c, ()))) == 1]
    rare = [c for c in COST_COLUMNS if texts.get(c, []).count(NONE) > len(lines) / 2]
    columns = tuple(c for c in texts if c not in (*shared, *rare))
    cells = tuple(tuple(line[c] for c in columns) for line in lines)
    title = [board_title(board, defaults), *(_for_all(c, texts[c][0]) for c in shared)]
    notes = (*_notes(board, defaults), *_biased(board, defaults, declared))
    return Sheet(", ".join(title), columns, frozenset({"sampler", "schedule", "grid"}), cells, notes)


def _for_all(column: str, text: str) -> str:
    """A value that all lines share, in words."""
    return f"{count_of(int(text), 'seed')} each" if column == "seeds" else f"{column} {text} for all"


def first(sheet: Sheet, top: int | None) -> Sheet:
    """The first lines of a sheet, with a note of how many are left out; None: all."""
    more = len(sheet.lines) - top if top else 0
    return replace(sheet, lines=sheet.lines[:top], notes=(f"{more} more", *sheet.notes)) if more > 0 else sheet


def _entry_line(entry: Entry, board: Board, defaults: Defaults) -> dict[str, SheetCell]:
    best: Style = "bold" if entry.rank_low == 1 else ""
    level_columns = ("schedule", "grid") if board.levels == "recommended" else ()
    return {
        "rank": SheetCell(rank(entry), best),
        "sampler": SheetCell(full_name(entry.setup, board.setups, defaults), best),
        **{kind: SheetCell(part_name(entry.setup, kind, defaults)) for kind in level_columns},
        "NFE": SheetCell(number(entry.nfe)),
        **({BACKWARDS: SheetCell(number(entry.n_backward))} if any(e.n_backward for e in board.entries) else {}),
        board.task.metric: SheetCell(number(entry.value, 4), best),
        "±": SheetCell(number(entry.estimate.half_width, 2) if entry.sure else "?"),
        "behind": _behind_cell(entry.behind),
        SECONDS: SheetCell(number(entry.cost.seconds, 3)),
        MEMORY: SheetCell(number(entry.cost.memory_mb, 4)),
        "seeds": SheetCell(str(len(entry.seeds))),
    }


def rank(entry: Entry) -> str:
    """2, or 2–4 for a range; with a question mark if the standard error is unknown."""
    low, high = entry.rank_low, entry.rank_high
    return f"{low}–{high}" if high > low else f"{low}" if entry.sure else f"{low}?"


def _behind_cell(difference: Difference | None) -> SheetCell:
    if difference is None:
        return SheetCell("")
    half = difference.estimate.half_width
    text = number(difference.estimate.value, 3) + (f" ± {number(half, 2)}" if math.isfinite(half) else "")
    return SheetCell(text, "italic" if difference.paired else "")


def _notes(board: Board, defaults: Defaults) -> Iterable[str]:
    """The unranked cells: a line per setup and reason, with the seeds."""

    def group(cell: Unranked) -> tuple[str, str, str]:
        return full_name(cell.setup, board.setups, defaults), cell.status, cell.reason

    for (sampler, status, reason), cells in groupby(sorted(board.unranked, key=group), key=group):
        seeds = sorted({cell.seed for cell in cells})
        where = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
        yield f"not ranked: {sampler} ({where}): {status}" + (f" ({reason})" if reason else "")


def _biased(board: Board, defaults: Defaults, declared: Declared) -> Iterable[str]:
    """Setups with an option that changes the law of the samples on purpose, a line each."""
    for setup in dict.fromkeys(entry.setup for entry in board.entries):
        known, options = defaults("sampler", setup.sampler), json.loads(setup.sampler_options)
        biased = [o for o in declared(setup.sampler) if o in options and options[o] != known.get(o, options[o])]
        if biased:
            named = full_name(setup, board.setups, defaults)
            yield f"{named}: {', '.join(biased)} changes the law of the samples on purpose"
