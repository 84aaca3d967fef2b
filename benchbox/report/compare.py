"""The difference between two samplers, or two results directories, at each budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from benchbox.report.board import TUNED, Board
from benchbox.report.entry import Difference, Entry, Setup
from benchbox.report.estimate import Estimate
from benchbox.report.headings import board_title, method_name, part_name
from benchbox.report.leaderboard import Sheet, SheetCell
from benchbox.report.ranking import contrast
from benchbox.report.table import Defaults, number

COMPARE_LEGEND = (
    "Differences are B − A with their 95 % intervals. Paired: over shared seeds, whose common noise cancels; "
    "unpaired: fewer than two shared seeds, so that the two are treated as independent."
)


@dataclass(frozen=True)
class Pair:
    """Two entries of one task and budget, and the difference B − A."""

    board: Board
    a: Entry
    b: Entry
    difference: Difference


def of_samplers(boards: Iterable[Board], a: str, b: str, defaults: Defaults) -> list[Pair]:
    """Pairs of two samplers on each board that has both.

    A sampler is given by name or with its options, where a board has it with several grids as `ddim, grid file`, and
    under the guidances of an inverse problem as `heun, mmps`.
    """
    pairs: dict[tuple[object, ...], Pair] = {}
    for board in boards:
        for first in _entries_of(board, a, defaults):
            for second in _entries_of(board, b, defaults):
                if first is not second:
                    key = board.task, board.budget, first.setup, second.setup
                    pairs.setdefault(key, Pair(board, first, second, contrast(second, first)))
    return list(pairs.values())


def _entries_of(board: Board, sampler: str, defaults: Defaults) -> list[Entry]:
    text, _, grid = sampler.partition(", grid ")
    name, _, method = text.partition(", ")
    return [
        entry
        for entry in board.entries
        if name in (entry.setup.sampler, part_name(entry.setup, "sampler", defaults))
        and method in ("", entry.setup.method, method_name(entry.setup, defaults))
        and grid in ("", entry.setup.grid, part_name(entry.setup, "grid", defaults))
    ]


def pair_name(setup: Setup, defaults: Defaults) -> str:
    """The sampler of an entry, with its guidance on an inverse problem, and the grid where its levels are tuned."""
    name = ", ".join(filter(None, [part_name(setup, "sampler", defaults), method_name(setup, defaults)]))
    return f"{name}, grid {setup.grid}" if setup.grid == TUNED else name


def of_directories(a: Iterable[Board], b: Iterable[Board]) -> list[Pair]:
    """Pairs of the same task, budget and setup in two directories; the package version may differ."""
    entries_b = dict(_by_setup(b))
    pairs = [(entry, *entries_b[key]) for key, (_, entry) in _by_setup(a) if key in entries_b]
    return [Pair(board, first, second, contrast(second, first)) for first, board, second in pairs]


def _by_setup(boards: Iterable[Board]) -> Iterator[tuple[tuple[object, ...], tuple[Board, Entry]]]:
    for board in boards:
        for entry in board.entries:
            yield (board.task, board.budget, unversioned(entry.setup)), (board, entry)


def unversioned(setup: Setup) -> Setup:
    """The setup without the version of its package."""
    return replace(setup, sampler_package="", sampler_version="")


def better_of(pair: Pair) -> str:
    """A or B, whichever is better; tied if the 95 % interval of the difference contains 0; ? if it is unknown."""
    low, high = _ends(pair.difference.estimate)
    if not low <= high:
        return "?"
    if low <= 0 <= high:
        return "tied"
    return "B" if (low > 0) == pair.board.highest else "A"


def _ends(d: Estimate) -> tuple[float, float]:
    return d.value - d.half_width, d.value + d.half_width


def pair_sheets(pairs: Sequence[Pair], defaults: Defaults) -> list[Sheet]:
    """A sheet per task and levels, with a line per pair."""
    groups: dict[object, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair.board.series, []).append(pair)
    columns = ("NFE", "A", "B", "value A", "value B", "B − A", "interval", "how", "better")
    words = frozenset({"A", "B", "how", "better"})
    return [
        Sheet(
            board_title(group[0].board, defaults, budgets=False),
            columns,
            words,
            tuple(_pair_line(p, defaults) for p in group),
        )
        for group in groups.values()
    ]


def _pair_line(pair: Pair, defaults: Defaults) -> tuple[SheetCell, ...]:
    low, high = _ends(pair.difference.estimate)
    interval = f"{number(low, 3)} to {number(high, 3)}" if low <= high else "unknown"
    how = f"paired, {pair.difference.pairs} seeds" if pair.difference.paired else "unpaired"
    better = better_of(pair)
    texts = (
        "adaptive" if pair.board.budget is None else str(pair.board.budget),
        pair_name(pair.a.setup, defaults), pair_name(pair.b.setup, defaults),
        number(pair.a.value, 4), number(pair.b.value, 4), number(pair.difference.estimate.value, 3), interval, how,
    )  # fmt: skip
    return *map(SheetCell, texts), SheetCell(better, "bold" if better in ("A", "B") else "")
