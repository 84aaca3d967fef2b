"""Two results directories, or two samplers, side by side: the difference at each budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from benchbox.report.board import Board
from benchbox.report.entry import Difference, Entry, Setup
from benchbox.report.estimate import Estimate
from benchbox.report.leaderboard import Sheet, SheetCell, name, title
from benchbox.report.ranking import contrast
from benchbox.report.table import Defaults, number

COMPARE_LEGEND = (
    "A difference is B − A with its 95 % interval. Paired: over the seeds that both share, where the common noise "
    "cancels; unpaired: fewer than two are shared, and the two are taken as independent."
)


@dataclass(frozen=True)
class Pair:
    """Two entries of one task and budget, and B − A."""

    board: Board
    a: Entry
    b: Entry
    difference: Difference


def of_samplers(boards: Iterable[Board], a: str, b: str, defaults: Defaults) -> list[Pair]:
    """Two samplers, each by its name or as the leaderboard writes it with options, wherever they share a board."""
    pairs: dict[tuple[object, ...], Pair] = {}
    for board in boards:
        for first in _called(board, a, defaults):
            for second in _called(board, b, defaults):
                if first is not second:
                    key = board.task, board.budget, first.setup, second.setup
                    pairs.setdefault(key, Pair(board, first, second, contrast(second, first)))
    return list(pairs.values())


def _called(board: Board, text: str, defaults: Defaults) -> list[Entry]:
    return [e for e in board.entries if text in (e.setup.sampler, name(e.setup, "sampler", defaults))]


def of_directories(a: Iterable[Board], b: Iterable[Board]) -> list[Pair]:
    """What two directories both measured: the same task, budget and setup, whatever the version of the package."""
    there = dict(_by_setup(b))
    found = [(key, entry) for key, entry in _by_setup(a) if key in there]
    return [Pair(there[key][0], one, there[key][1], contrast(there[key][1], one)) for key, (_, one) in found]


def _by_setup(boards: Iterable[Board]) -> Iterator[tuple[tuple[object, ...], tuple[Board, Entry]]]:
    for board in boards:
        for entry in board.entries:
            yield (board.task, board.budget, unversioned(entry.setup)), (board, entry)


def unversioned(setup: Setup) -> Setup:
    """The setup without the version of its package."""
    return replace(setup, sampler_package="", sampler_version="")


def better_of(pair: Pair) -> str:
    """Which is better, where the 95 % interval of the difference leaves zero out."""
    low, high = _ends(pair.difference.estimate)
    if not low <= high:
        return "?"
    if low <= 0 <= high:
        return "tied"
    return "B" if (low > 0) == pair.board.highest else "A"


def _ends(d: Estimate) -> tuple[float, float]:
    return d.value - d.half_width, d.value + d.half_width


def pair_sheets(pairs: Sequence[Pair], defaults: Defaults) -> list[Sheet]:
    """A sheet per task and levels, a line per pair and budget."""
    grouped: dict[str, list[Pair]] = {}
    for pair in pairs:
        grouped.setdefault(title(pair.board, defaults, budgets=False), []).append(pair)
    columns = ("NFE", "A", "B", "value A", "value B", "B − A", "interval", "how", "better")
    words = frozenset({"A", "B", "how", "better"})
    return [Sheet(text, columns, words, tuple(_pair_line(p, defaults) for p in part)) for text, part in grouped.items()]


def _pair_line(pair: Pair, defaults: Defaults) -> tuple[SheetCell, ...]:
    low, high = _ends(pair.difference.estimate)
    interval = f"{number(low, 3)} to {number(high, 3)}" if low <= high else "unknown"
    how = f"paired, {pair.difference.pairs} seeds" if pair.difference.paired else "unpaired"
    better = better_of(pair)
    texts = (
        "adaptive" if pair.board.budget is None else str(pair.board.budget),
        name(pair.a.setup, "sampler", defaults), name(pair.b.setup, "sampler", defaults),
        number(pair.a.value, 4), number(pair.b.value, 4), number(pair.difference.estimate.value, 3), interval, how,
    )  # fmt: skip
    return *map(SheetCell, texts), SheetCell(better, "bold" if better in ("A", "B") else "")
