"""Which lines of a crowded chart are drawn in colour."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from benchbox.report.board import Board
from benchbox.report.entry import Setup
from benchbox.report.headings import setup_names
from benchbox.report.mean_rank import mean_ranks
from benchbox.report.plots.style import COLOURS
from benchbox.report.table import Defaults


def copies(boards: Sequence[Board]) -> dict[Setup, list[Setup]]:
    """Setups whose values repeat those of another one on all of their boards, by that other one.

    Two samplers can be one method under some options, such as `ancestral` and `euler-ancestral` at eta 1.
    """
    values: dict[Setup, set[tuple[object, ...]]] = {setup: set() for setup in mean_ranks(boards)}
    for i, entry in ((i, entry) for i, board in enumerate(boards) for entry in board.entries):
        values[entry.setup] |= {(i, *item) for item in entry.values.items()}
    originals: dict[Setup, list[Setup]] = {}
    for setup in sorted(values, key=lambda s: -len(values[s])):
        original = next((other for other in originals if values[setup] <= values[other]), None)
        if original is None:
            originals[setup] = []
        else:
            originals[original].append(setup)
    return {setup: same for setup, same in originals.items() if same}


def line_names(boards: Sequence[Board], defaults: Defaults) -> dict[Setup, str]:
    """The name of each setup's line, with the names of its copies."""
    names = setup_names([entry.setup for board in boards for entry in board.entries], defaults)
    for setup, same in copies(boards).items():
        names[setup] += f" (= {names[same[0]] if len(same) == 1 else f'{len(same)} others'})"
    return names


def bright_setups(boards: Sequence[Board], drawn: Collection[Setup]) -> set[Setup]:
    """Of the drawn setups, as many as there are colours: the best of each board, then by mean rank; no copies."""
    repeated = {setup for same in copies(boards).values() for setup in same}
    best = {board.entries[0].setup for board in boards if board.entries}
    order = [setup for setup in mean_ranks(boards) if setup in drawn and setup not in repeated]
    return set(sorted(order, key=lambda setup: setup not in best)[: len(COLOURS)])
