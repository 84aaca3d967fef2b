"""Boards from rows: group what may be compared, average over seeds, and rank."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean

import pandas as pd

from benchbox.report.board import Board, BoardTask, grouped, split_by_levels
from benchbox.report.entry import SETUP, BoardRow, Cost, Difference, Entry, NoiseKey, Setup, Unranked
from benchbox.report.estimate import difference, mean
from benchbox.report.prepared import RANKED, TASK_COLUMNS, prepared_rows
from benchbox.report.ties import rank_ranges


def boards(rows: pd.DataFrame) -> list[Board]:
    """All boards of the rows from `load_results`, ordered by task, levels and budget; on each, the best entry first.

    Cells that are not done, or have no value, are unranked. A row without a metric is not on the boards of that metric.
    """
    return [board for metric in RANKED if metric in rows for board in _boards(prepared_rows(rows, metric), metric)]


def _boards(rows: Sequence[BoardRow], metric: str) -> Iterator[Board]:
    for key, task_rows in sorted(grouped(rows, TASK_COLUMNS).items()):
        for levels, level_rows in split_by_levels(task_rows):
            budgets = grouped(level_rows, ["nfe_requested"])
            for (budget,), group in sorted(budgets.items(), key=lambda item: item[0][0] or math.inf):
                yield board(group, Board(BoardTask(metric, *key), RANKED[metric].highest, budget, levels, (), ()))


def board(rows: Sequence[BoardRow], empty: Board) -> Board:
    """`empty` with these rows: setups ranked by their means over seeds, and the unranked cells."""
    measured = [row for row in rows if _is_ranked(row)]
    device = _most_frequent(row["device"] for row in measured)
    entries = [entry(Setup(*key), group, device) for key, group in sorted(grouped(measured, SETUP).items())]
    sign = -1 if empty.highest else 1
    signed = [replace(e.estimate, value=sign * e.value) for e in entries]
    ranks = rank_ranges(signed)
    order = sorted(range(len(entries)), key=lambda i: signed[i].value)
    best = entries[order[0]] if order else None
    placed = [
        replace(entries[i], rank_low=ranks[i][0], rank_high=ranks[i][1], behind=_behind(entries[i], best, sign))
        for i in order
    ]
    return replace(empty, entries=tuple(placed), unranked=tuple(_unranked(row) for row in rows if not _is_ranked(row)))


def _is_ranked(row: BoardRow) -> bool:
    return row["status"] == "done" and not math.isnan(row["value"])


def _unranked(row: BoardRow) -> Unranked:
    setup = Setup(*(row[name] for name in SETUP))
    return Unranked(setup, int(row["seed"]), row["nfe"], row["status"], row["reason"], row["cell"], row)


def entry(setup: Setup, rows: Sequence[BoardRow], device: str) -> Entry:
    """The entry of one setup, not ranked yet, with its cost on a device if it ran there."""
    noises: dict[NoiseKey, list[BoardRow]] = {}
    for row in rows:
        noises.setdefault((int(row["seed"]), row["cuda"] != ""), []).append(row)
    values = {noise: fmean(row["value"] for row in group) for noise, group in sorted(noises.items())}
    errors = [fmean(row["error"] for row in group) for _, group in sorted(noises.items())]
    estimate = mean(list(values.values()), errors, min(row["dof"] for row in rows))
    nfe, n_backward = (fmean(row.get(name) or 0.0 for row in rows) for name in ("nfe", "n_backward"))
    cells = tuple(row["cell"] for row in rows)
    return Entry(setup, nfe, n_backward, estimate, 0, 0, None, mean_cost(rows, device), values, cells, rows[0])


def mean_cost(rows: Sequence[BoardRow], device: str) -> Cost:
    """Mean cost on a device, otherwise on the most frequent one. Seconds are only of rows with valid timing."""
    timed = [row for row in rows if row.get("timing_valid") is not False and _above_zero(row, "samples_per_s")]
    if all(row["device"] != device for row in timed or rows):
        device = _most_frequent(row["device"] for row in timed or rows)
    here = [row for row in rows if row["device"] == device]
    memory = [[row[name] for row in here if _above_zero(row, name)] for name in ("gpu_mem_peak_mb", "rss_peak_mb")]
    seconds = [1000 / row["samples_per_s"] for row in timed if row["device"] == device]
    return Cost(fmean(seconds or [math.nan]), max(memory[0] or memory[1] or [math.nan]), device)


def _above_zero(row: BoardRow, name: str) -> bool:
    return (row.get(name) or 0) > 0


def contrast(a: Entry, b: Entry) -> Difference:
    """a − b: paired if the two share at least two seeds, otherwise the difference of independent estimates."""
    shared = [noise for noise in a.values if noise in b.values]
    if len(shared) > 1:
        return Difference(mean([a.values[n] - b.values[n] for n in shared]), True, len(shared))
    return Difference(difference(a.estimate, b.estimate), False)


def _behind(entry: Entry, best: Entry | None, sign: int) -> Difference | None:
    if best is None or entry is best:
        return None
    gap = contrast(entry, best)
    return replace(gap, estimate=replace(gap.estimate, value=sign * gap.estimate.value))


def _most_frequent(values: Iterable[str]) -> str:
    """The most frequent value; "" if there is none."""
    return next((value for value, _ in Counter(values).most_common(1)), "")
