"""Which sampler to use at a budget, in words. The answers claim no more than the ranks support."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchbox.report.board import Board
from benchbox.report.command import run_command
from benchbox.report.entry import Entry
from benchbox.report.escape import plain_text
from benchbox.report.headings import METRIC_NAMES
from benchbox.report.page.names import Names, listed, slug
from benchbox.report.table import Defaults, number

USUAL_BUDGETS = (5, 10, 20, 50, 100)
"""If there are many budgets, answers are given at those nearest to these; the table has all of them."""


@dataclass(frozen=True)
class PageAnswer:
    """The recommended sampler at a budget, in words."""

    budget: str
    use: str
    href: str
    quality: str
    ties: str
    """How certain it is that it is the best."""
    cost: str
    command: str
    needs: str
    """The package of the sampler, with its version."""


def answered_boards(boards: Sequence[Board]) -> list[Board]:
    """The boards that get an answer: all of them if they are few, otherwise those nearest to the usual budgets."""
    if len(boards) <= len(USUAL_BUDGETS) + 1:
        return list(boards)
    budgeted = [b for b in boards if b.budget]
    near = [min(budgeted, key=lambda b: abs(math.log((b.budget or 1) / budget))) for budget in USUAL_BUDGETS]
    return [b for b in boards if b in near or b.budget is None]


def page_answer(board: Board, names: Names, defaults: Defaults) -> PageAnswer:
    """The best entry of a board, what ties with it, its cost, and the command that reproduces it."""
    best = board.entries[0]
    return PageAnswer(
        budget="Any budget (adaptive)" if board.budget is None else f"{board.budget:,} evaluations",
        use=names[best.setup], href=f"samplers/{slug(best.setup.sampler)}.html",
        quality=plain_text(f"{METRIC_NAMES.get(board.task.metric, board.task.metric)} {value_with_margin(best)}"),
        ties=ties(board, names), cost=price(best),
        command=plain_text(run_command(board, best.setup, best.seeds, defaults, best.row)), needs=package_text(best),
    )  # fmt: skip


def package_text(entry: Entry) -> str:
    """The package and version of an entry's sampler."""
    return plain_text(f"{entry.setup.sampler_package} {entry.setup.sampler_version}".strip())


def ties(board: Board, names: Names) -> str:
    """What ties with the first entry of a board, as a sentence."""
    best, others = board.entries[0], board.entries[1:]
    if not others:
        return "The only one that was measured."
    if not best.sure:
        return "Its standard error is unknown: one seed, and no interval."
    tied = [e for e in others if e.rank_low == 1]
    if not tied:
        return f"Significantly better than {'the other one' if len(others) == 1 else f'all {len(others)} others'}."
    text = f"Ties with {listed([names[e.setup] for e in tied])}."
    cheapest = min((e for e in tied if e.cost.device == best.cost.device), key=_seconds, default=best)
    return text + (f" Fastest: {names[cheapest.setup]}." if _seconds(cheapest) < 0.9 * best.cost.seconds else "")


def _seconds(entry: Entry) -> float:
    return math.inf if math.isnan(entry.cost.seconds) else entry.cost.seconds


def value_with_margin(entry: Entry) -> str:
    """4.21 ± 0.19, the half width of its 95 % interval in two digits, and the value in as many decimals."""
    half = entry.estimate.half_width
    if not 0 < half < math.inf:
        return number(entry.value, 3)
    decimals = max(0, 1 - math.floor(math.log10(half)))
    return f"{entry.value:,.{decimals}f} ± {half:,.{decimals}f}"


def price(entry: Entry) -> str:
    """The time of an entry; "" if it is unknown."""
    seconds = entry.cost.seconds
    return "" if math.isnan(seconds) else f"{number(seconds, 3)} s per 1,000 samples on {plain_text(entry.cost.device)}"
