"""Which sampler to use at a budget, in words. The answers claim no more than the ranks support."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchbox.report.board import Board
from benchbox.report.command import run_command
from benchbox.report.entry import Entry
from benchbox.report.escape import plain_text
from benchbox.report.headings import metric_heading
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
    sure: str
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
    """The best entry of a board, how certain that is, its cost, and the command that reproduces it."""
    best = board.entries[0]
    return PageAnswer(
        budget="Any budget (adaptive)" if board.budget is None else f"{board.budget} evaluations",
        use=names[best.setup], href=f"samplers/{slug(best.setup.sampler)}.html",
        quality=(
            f"{plain_text(metric_heading(board.task, defaults))} {interval_text(best)}, {count(best)}, "
            f"{number(best.nfe)} evaluations spent"
        ),
        sure=how_sure(board, names), cost=price(best),
        command=plain_text(run_command(board, best.setup, best.seeds, defaults, best.row)), needs=package_text(best),
    )  # fmt: skip


def package_text(entry: Entry) -> str:
    """The package and version of an entry's sampler."""
    return plain_text(f"{entry.setup.sampler_package} {entry.setup.sampler_version}".strip())


def how_sure(board: Board, names: Names) -> str:
    """How certain it is that the first entry is the best, as a sentence."""
    best, others = board.entries[0], board.entries[1:]
    if not others:
        return "No other setup was measured here."
    if not best.sure:
        return "The standard error is unknown: one seed, and no interval."
    tied = [e for e in others if e.rank_low == 1]
    if not tied:
        return f"Significantly better than {'the other one' if len(others) == 1 else f'all {len(others)} others'}."
    text = f"{'Highest' if board.highest else 'Lowest'} of {len(board.entries)} measured setups, but tied with "
    text += f"{listed([names[e.setup] for e in tied])}: no significant difference."
    cheapest = min((e for e in tied if e.cost.device == best.cost.device), key=_seconds, default=best)
    if _seconds(cheapest) < 0.9 * best.cost.seconds:
        text += f" Cheapest of these: {names[cheapest.setup]}, {price(cheapest)}"
    return text


def _seconds(entry: Entry) -> float:
    return math.inf if math.isnan(entry.cost.seconds) else entry.cost.seconds


def interval_text(entry: Entry) -> str:
    """4.21 (95 %: 4.02 to 4.40)."""
    if not entry.sure:
        return f"{number(entry.value, 4)} (standard error unknown)"
    return f"{number(entry.value, 4)} (95 %: {number(entry.low, 3)} to {number(entry.high, 3)})"


def count(entry: Entry) -> str:
    return f"{len(entry.seeds)} seed{'s' * (len(entry.seeds) > 1)}"


def price(entry: Entry) -> str:
    """The cost of an entry, as a sentence."""
    if math.isnan(entry.cost.seconds):
        return "No valid timing; timings taken under load are discarded."
    memory = "" if math.isnan(entry.cost.memory_mb) else f", {number(entry.cost.memory_mb, 4)} MB peak memory"
    return f"{number(entry.cost.seconds, 3)} s per 1,000 samples{memory}, on {plain_text(entry.cost.device)}."
