"""The matrix of a section: samplers × budgets, with the value and the rank of each, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchbox.report.board import Board
from benchbox.report.entry import Entry, Setup
from benchbox.report.escape import plain_text
from benchbox.report.leaderboard import rank
from benchbox.report.mean_rank import mean_ranks
from benchbox.report.page.names import Names, slug
from benchbox.report.table import number

SHADES = 4
"""Shades of the ranks behind the best: quarters of a board."""


@dataclass(frozen=True)
class MatrixCell:
    """A setup at one budget. note: `best`, `tie` with the best, or why it has no rank."""

    value: str = "–"
    rank: str = ""
    note: str = ""
    shade: int | None = None
    """0: possibly the best; 1 to SHADES: by rank; None: without a rank."""


@dataclass(frozen=True)
class MatrixRow:
    """A setup at all budgets."""

    name: str
    page: str
    """The page of its sampler."""
    cells: tuple[MatrixCell, ...]


def matrix(boards: Sequence[Board], names: Names) -> tuple[MatrixRow, ...]:
    """A row for each setup, with a cell for each board: by mean rank, best first, then setups without any rank."""
    setups = dict.fromkeys([*mean_ranks(boards), *(setup for board in boards for setup in board.setups)])
    cells = [_cells(board) for board in boards]
    return tuple(
        MatrixRow(names[s], slug(s.sampler), tuple(column.get(s, MatrixCell()) for column in cells)) for s in setups
    )


def _cells(board: Board) -> dict[Setup, MatrixCell]:
    unranked = {u.setup: MatrixCell(note=plain_text(u.status)) for u in board.unranked}
    return unranked | {e.setup: _cell(e, len(board.entries)) for e in board.entries}


def _cell(entry: Entry, n: int) -> MatrixCell:
    value = three_digits(entry.value)
    if entry.rank_low == 1 and entry.sure:
        return MatrixCell(value, rank(entry), "best" if entry.rank_high == 1 else "tie", 0)
    middle = (entry.rank_low + entry.rank_high - 2) / 2 / max(n - 1, 1)
    return MatrixCell(value, rank(entry), "", 1 + min(int(SHADES * middle), SHADES - 1))


def three_digits(value: float) -> str:
    """Three significant digits, trailing zeros included, so that a column is aligned."""
    return f"{value:#.3g}".rstrip(".") if 1e-3 <= abs(value) < 999.5 else number(value, 3)
