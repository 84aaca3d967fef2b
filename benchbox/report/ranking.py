"""Boards, from rows alone: who is best, as far as the measurements tell, among what may be compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean

import pandas as pd

from benchbox.report.board import Board, BoardTask, grouped
from benchbox.report.entry import SETUP, BoardRow, Cost, Difference, Entry, NoiseKey, Setup, Unranked
from benchbox.report.estimate import difference, mean
from benchbox.report.levels import split_by_levels
from benchbox.report.prepared import RANKED, TASK_COLUMNS, prepared_rows
from benchbox.report.ties import rank_ranges


def boards(rows: pd.DataFrame) -> list[Board]:
    """All boards of rows as `load_results` gives them: by task, then levels, then budget; best first on each.

    What is not done, or has no value, has no rank; a row that was not asked for a metric is not on its boards.
    """
    return [board for metric in RANKED if metric in rows for board in _boards(prepared_rows(rows, metric), metric)]


def _boards(rows: Sequence[BoardRow], metric: str) -> Iterator[Board]:
    for key, part in sorted(grouped(rows, TASK_COLUMNS).items()):
        for levels, shared in split_by_levels(part):
            budgets = grouped(shared, ["nfe_requested"])
            for (budget,), at in sorted(budgets.items(), key=lambda item: item[0][0] or math.inf):
                yield board(at, Board(BoardTask(metric, *key), RANKED[metric].highest, budget, levels, (), ()))


def board(rows: Sequence[BoardRow], empty: Board) -> Board:
    """The board of rows that are compared: setups ranked by their means over seeds, everything else listed."""
    measured = [row for row in rows if _counts(row)]
    device = _most_frequent(row["device"] for row in measured)
    entries = [entry(Setup(*key), part, device) for key, part in sorted(grouped(measured, SETUP).items())]
    sign = -1 if empty.highest else 1
    signed = [replace(e.estimate, value=sign * e.value) for e in entries]
    ranks = rank_ranges(signed)
    order = sorted(range(len(entries)), key=lambda i: signed[i].value)
    best = entries[order[0]] if order else None
    placed = [
        replace(entries[i], rank_low=ranks[i][0], rank_high=ranks[i][1], behind=_behind(entries[i], best, sign))
        for i in order
    ]
    return replace(empty, entries=tuple(placed), unranked=tuple(_unranked(row) for row in rows if not _counts(row)))


def _counts(row: BoardRow) -> bool:
    return row["status"] == "done" and not math.isnan(row["value"])


def _unranked(row: BoardRow) -> Unranked:
    setup = Setup(*(row[name] for name in SETUP))
    return Unranked(setup, int(row["seed"]), row["nfe"], row["status"], row["reason"], row["cell"], row)


def entry(setup: Setup, rows: Sequence[BoardRow], device: str) -> Entry:
    """The rows of one setup as an entry that has no rank yet; its cost on a device, where it ran there."""
    noises: dict[NoiseKey, list[BoardRow]] = {}
    for row in rows:
        noises.setdefault((int(row["seed"]), row["cuda"] != ""), []).append(row)
    values = {noise: fmean(row["value"] for row in same) for noise, same in sorted(noises.items())}
    errors = [fmean(row["error"] for row in same) for _, same in sorted(noises.items())]
    estimate = mean(list(values.values()), errors, min(row["dof"] for row in rows))
    nfe = fmean(row["nfe"] for row in rows)
    cells = tuple(row["cell"] for row in rows)
    return Entry(setup, nfe, estimate, 0, 0, None, mean_cost(rows, device), values, cells, rows[0])


def mean_cost(rows: Sequence[BoardRow], device: str) -> Cost:
    """Mean cost on a device, else on the one that most of the rows ran on; rows of invalid timing do not count."""
    valid = [row for row in rows if row.get("timing_valid") is not False and _above_zero(row, "samples_per_s")]
    there = [row for row in valid if row["device"] == device]
    if not there:
        device = _most_frequent(row["device"] for row in valid)
        there = [row for row in valid if row["device"] == device]
    if not there:
        return Cost()
    memory = [[row[name] for row in there if _above_zero(row, name)] for name in ("gpu_mem_peak_mb", "rss_peak_mb")]
    return Cost(fmean(1000 / row["samples_per_s"] for row in there), max(memory[0] or memory[1] or [math.nan]), device)


def _above_zero(row: BoardRow, name: str) -> bool:
    return (row.get(name) or 0) > 0


def contrast(a: Entry, b: Entry) -> Difference:
    """a − b: over the seeds that both share, where these are two or more, else as of independent estimates."""
    shared = [noise for noise in a.values if noise in b.values]
    if len(shared) > 1:
        return Difference(mean([a.values[n] - b.values[n] for n in shared]), True, len(shared))
    return Difference(difference(a.estimate, b.estimate), False)


def _behind(entry: Entry, best: Entry | None, sign: int) -> Difference | None:
    if best is None or entry is best:
        return None
    found = contrast(entry, best)
    return replace(found, estimate=replace(found.estimate, value=sign * found.estimate.value))


def _most_frequent(values: Iterable[str]) -> str:
    """The most frequent value; nothing where there is none."""
    return next((value for value, _ in Counter(values).most_common(1)), "")
