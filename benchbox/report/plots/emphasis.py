"""Which lines of a crowded chart are drawn in colour."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from benchbox.report.board import Board
from benchbox.report.entry import Setup
from benchbox.report.headings import setup_names
from benchbox.report.mean_rank import mean_ranks
from benchbox.report.plots.style import COLOURS
from benchbox.report.table import Defaults

ENDS = {0.0, 1.0}
"""The ends of bounded metrics, which samplers share without being one method."""


def copies(boards: Sequence[Board], drawn: Collection[Setup], front: Collection[Setup]) -> dict[Setup, list[Setup]]:
    """Drawn setups that repeat another one on all of their boards, by that other one, which is on the front if any is.

    Two samplers can be one method under some options, such as `ancestral` and `euler-ancestral` at eta 1. A copy has
    the values and intervals of the other, and two different values at least: metrics with few values coincide.
    """
    cells = {setup: _cells(boards, setup) for setup in mean_ranks(boards) if setup in drawn}
    originals: dict[Setup, list[Setup]] = {}
    for setup in sorted(cells, key=lambda s: (s not in front, -len(cells[s]))):
        original = next((other for other in originals if cells[setup] <= cells[other]), None)
        if original is None or len({value for _, value, *_ in cells[setup]} - ENDS) < 2:
            originals[setup] = []
        else:
            originals[original].append(setup)
    return {setup: same for setup, same in originals.items() if same}


def _cells(boards: Sequence[Board], setup: Setup) -> set[tuple[int, float, object, object]]:
    """The board, the mean, its standard error (None: unknown) and the value for each seed of a setup's entries."""
    return {
        (i, e.value, e.estimate.error if e.sure else None, frozenset(e.values.items()))
        for i, board in enumerate(boards) for e in board.entries if e.setup == setup
    }  # fmt: skip


def line_names(
    boards: Sequence[Board], repeated: Mapping[Setup, Sequence[Setup]], defaults: Defaults
) -> dict[Setup, str]:
    """The name of each setup's line, with the names of its copies."""
    names = setup_names([entry.setup for board in boards for entry in board.entries], defaults)
    for setup, same in repeated.items():
        names[setup] += f" (= {names[same[0]] if len(same) == 1 else f'{len(same)} others'})"
    return names


def coloured_setups(
    boards: Sequence[Board], drawn: Collection[Setup], front: Collection[Setup],
    repeated: Mapping[Setup, Sequence[Setup]],
) -> set[Setup]:  # fmt: skip
    """Of the drawn setups, as many as there are colours: the best of each board and those on the front, then by mean
    rank; no copies."""
    original = {copy: setup for setup, same in repeated.items() for copy in same}
    first = {board.entries[0].setup for board in boards if board.entries} | set(front)
    first = {original.get(setup, setup) for setup in first}
    order = [setup for setup in mean_ranks(boards) if setup in drawn and setup not in original]
    return set(sorted(order, key=lambda setup: setup not in first)[: len(COLOURS)])
