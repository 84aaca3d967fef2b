"""A board as a sheet: the words and numbers that every format shows, not yet escaped for any."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from benchbox.report.board import Board, BoardTask, Difference, Entry, Setup, Unranked
from benchbox.report.estimate import CONFIDENCE
from benchbox.report.prepared import RANKED
from benchbox.report.table import Usual, changed_options, guidance_label, label, number
from benchbox.report.ties import TIE_LEVEL

EXTRA = ("dtype", "final")
"""Said with a sampler's name where they are not the same for all."""

COST_COLUMNS = SECONDS, MEMORY = ("s / 1,000", "MB")
"""Columns that are left out where nothing was measured, as on a busy machine."""

NONE = number(None)

LEGEND = (
    f"± is half of the {CONFIDENCE:.0%} interval of the mean over seeds. A rank is a range where the measurements do "
    f"not separate samplers (equals are separated with a probability of {TIE_LEVEL:.0%}); bold can be the best. "
    "A difference in italics is paired: over shared seeds, where the common noise cancels. "
    "? means that the uncertainty is not known: one seed, and no interval. "
    "An fid is of so many samples and lies above that of more; its ± is that of fid_inf, the value at infinitely many."
)

Style = Literal["", "bold", "italic"]


@dataclass(frozen=True)
class SheetCell:
    """A cell of a sheet: its text, and how it stands out."""

    text: str
    style: Style = ""


@dataclass(frozen=True)
class Sheet:
    """A table for people: a title, columns by name, which of them are words (the others: numbers), lines and notes."""

    title: str
    columns: tuple[str, ...]
    words: frozenset[str]
    lines: tuple[tuple[SheetCell, ...], ...]
    notes: tuple[str, ...] = ()


def sheets(boards: Iterable[Board], usual: Usual) -> list[Sheet]:
    """A sheet per board; `usual` are the options that need not be said."""
    return [sheet(board, usual) for board in boards]


def sheet(board: Board, usual: Usual) -> Sheet:
    lines = [_entry_line(entry, board, usual) for entry in board.entries]
    columns = tuple(
        c for c in (lines[0] if lines else ()) if c not in COST_COLUMNS or any(line[c].text != NONE for line in lines)
    )
    cells = tuple(tuple(line[c] for c in columns) for line in lines)
    words = frozenset({"sampler", "schedule", "grid"})
    return Sheet(title(board, usual), columns, words, cells, tuple(_notes(board, usual)))


def first(sheet: Sheet, top: int | None) -> Sheet:
    """A sheet's first lines, and how many more there are; the whole sheet without a number."""
    more = len(sheet.lines) - top if top else 0
    return replace(sheet, lines=sheet.lines[:top], notes=(f"{more} more", *sheet.notes)) if more > 0 else sheet


def title(board: Board, usual: Usual, budgets: bool = True) -> str:
    """What is compared: model, budget (unless it is left out), metric, features, samples, data set, levels."""
    task = board.task
    guidance = guidance_label(vars(task), usual)
    said = [model(task, usual) or "no model", *([guidance] if guidance else []), *([budget(board)] if budgets else [])]
    what = ", ".join(said)
    return f"{what}: {metric_words(task, usual)} of {task.n_samples:,} samples {terms(board, usual)}"


def budget(board: Board) -> str:
    """A board's budget in words."""
    if board.levels == "unknown":
        return "samples from elsewhere"
    unit = " of the denoiser" if board.task.nfe_of == "denoiser" else ""
    return "adaptive" if board.budget is None else f"NFE {board.budget}{unit}"


def metric_words(task: BoardTask, usual: Usual) -> str:
    """The metric of a task, its extractor, and the options that are not as usual."""
    said = ", ".join(filter(None, (task.features, metric_setting(task, usual))))
    return f"{task.metric} ({said})" if said else task.metric


def metric_setting(task: BoardTask, usual: Usual) -> str:
    """The options of a task's metric that are not as usual."""
    return changed_options(json.loads(task.setting), "metric", RANKED[task.metric].metric, usual)


def model(task: BoardTask, usual: Usual) -> str:
    """The model of a task, with the options that are not as usual."""
    return label({"model": task.model, "model_options": task.model_options}, "model", usual)


def terms(board: Board, usual: Usual) -> str:
    """On what terms is compared: the reference and the levels."""
    setup, against = board.setups[0], f"against {board.task.reference or board.task.dataset}"
    if board.levels == "unknown":
        return against
    if board.levels == "recommended":
        return f"{against}, each sampler with its recommended schedule and grid"
    return f"{against}, schedule {name(setup, 'schedule', usual)}, grid {name(setup, 'grid', usual)}"


def name(setup: Setup, kind: str, usual: Usual) -> str:
    """The sampler, schedule or grid of a setup, with the options that are not as usual."""
    return label(vars(setup), kind, usual)


def full_name(setup: Setup, all_setups: Sequence[Setup], usual: Usual) -> str:
    """The sampler's name, and whatever else tells it from the other setups of a board."""
    extra = [f"{e} {getattr(setup, e) or 'none'}" for e in EXTRA if len({getattr(s, e) for s in all_setups}) > 1]
    origins = {(s.sampler_package, s.sampler_version) for s in all_setups if s.sampler == setup.sampler}
    if len(origins) > 1:
        extra.append(f"{setup.sampler_package} {setup.sampler_version}")
    return ", ".join([name(setup, "sampler", usual), *extra])


def _entry_line(entry: Entry, board: Board, usual: Usual) -> dict[str, SheetCell]:
    best: Style = "bold" if entry.rank_low == 1 else ""
    levels = {k: SheetCell(name(entry.setup, k, usual)) for k in ("schedule", "grid") if board.levels == "recommended"}
    return {
        "rank": SheetCell(rank(entry), best),
        "sampler": SheetCell(full_name(entry.setup, board.setups, usual), best),
        **levels,
        "NFE": SheetCell(number(entry.nfe)),
        board.task.metric: SheetCell(number(entry.value, 4), best),
        "±": SheetCell(number(entry.estimate.half_width, 2) if entry.sure else "?"),
        "behind": behind(entry.behind),
        SECONDS: SheetCell(number(entry.cost.seconds, 3)),
        MEMORY: SheetCell(number(entry.cost.memory_mb, 4)),
        "seeds": SheetCell(str(len(entry.seeds))),
    }


def rank(entry: Entry) -> str:
    """2, or 2–4 for a range; with a question mark where it is only the place."""
    low, high = entry.rank_low, entry.rank_high
    return f"{low}–{high}" if high > low else f"{low}" if entry.sure else f"{low}?"


def behind(difference: Difference | None) -> SheetCell:
    if difference is None:
        return SheetCell("")
    half = difference.estimate.half_width
    text = number(difference.estimate.value, 3) + (f" ± {number(half, 2)}" if math.isfinite(half) else "")
    return SheetCell(text, "italic" if difference.paired else "")


def _notes(board: Board, usual: Usual) -> Iterable[str]:
    """What has no rank, a line per setup and reason with its seeds."""

    def what(cell: Unranked) -> tuple[str, str, str]:
        return full_name(cell.setup, board.setups, usual), cell.status, cell.reason

    for (sampler, status, reason), cells in groupby(sorted(board.unranked, key=what), key=what):
        seeds = sorted({cell.seed for cell in cells})
        where = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
        yield f"not ranked: {sampler} ({where}): {status}" + (f" ({reason})" if reason else "")
