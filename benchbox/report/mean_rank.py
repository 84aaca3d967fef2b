"""The order of setups over all budgets of a series."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from benchbox.report.board import Board
from benchbox.report.entry import Entry, Setup


def mean_ranks(boards: Sequence[Board]) -> dict[Setup, float]:
    """The mean rank of each ranked setup over the boards, best first; equal ones by their mean position.

    Of a range of ranks, its middle counts. A setup without a rank on a board counts as the last there.
    """
    setups = dict.fromkeys(entry.setup for board in boards for entry in board.entries)
    by_board = [({e.setup: (_middle(e), i) for i, e in enumerate(b.entries, 1)}, len(b.entries)) for b in boards]
    places = {s: [ranks.get(s, (n, n)) for ranks, n in by_board if n] for s in setups}
    means = {s: (fmean(rank for rank, _ in pairs), fmean(i for _, i in pairs)) for s, pairs in places.items()}
    return {setup: means[setup][0] for setup in sorted(means, key=lambda s: means[s])}


def _middle(entry: Entry) -> float:
    return (entry.rank_low + entry.rank_high) / 2
