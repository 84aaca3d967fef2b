"""The measured choices for a model: every setup at every budget, with its quality and cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from benchbox.report.board import Board
from benchbox.report.entry import Cost, Entry
from benchbox.report.headings import levels_words, part_name
from benchbox.report.table import Defaults, number


@dataclass(frozen=True)
class Choice:
    board: Board
    entry: Entry

    @property
    def price(self) -> tuple[float, float]:
        """Seconds (inf if not timed), then evaluations."""
        seconds = self.entry.cost.seconds
        return (math.inf if math.isnan(seconds) else seconds), self.entry.nfe


def measured_choices(boards: Iterable[Board], model: str, metric: str = "fid") -> list[Choice]:
    """Every measured setup and budget of a model, for the task with the most samples, then the most entries.

    Times are those of the device that most entries were timed on; other entries have none.
    """
    candidates = [
        board for board in boards
        if board.task.metric == metric and board.task.model == model and board.levels != "unknown"
    ]  # fmt: skip
    counts = Counter(board.task for board in candidates for _ in board.entries)
    if not counts:
        return []
    task = max(counts, key=lambda t: (t.n_samples, counts[t]))
    choices = {
        (entry.setup, board.budget): Choice(board, entry)
        for board in candidates if board.task == task for entry in board.entries
    }  # fmt: skip
    timed = Counter(c.entry.cost.device for c in choices.values() if math.isfinite(c.entry.cost.seconds))
    device = timed.most_common(1)[0][0] if timed else ""
    return [c if c.entry.cost.device == device else _untimed(c) for c in choices.values()]


def _untimed(choice: Choice) -> Choice:
    return replace(choice, entry=replace(choice.entry, cost=Cost()))


def cheapest_first(choices: Sequence[Choice], target: float) -> tuple[list[Choice], list[Choice]]:
    """The choices whose whole 95 % interval is at or below a target, and those that may be; cheapest first.

    Of equal price, the better one comes first.
    """
    by_price = sorted(choices, key=lambda c: (c.price, c.entry.value))
    certain = [c for c in by_price if c.entry.high <= target]
    return certain, [c for c in by_price if not c.entry.high <= target and _least(c.entry) <= target]


def _least(entry: Entry) -> float:
    return entry.low if entry.sure else entry.value


def choice_sentence(choice: Choice, defaults: Defaults) -> str:
    """A choice in one sentence: setup, quality, cost."""
    entry, task, cost = choice.entry, choice.board.task, choice.entry.cost
    sampler = f"{part_name(entry.setup, 'sampler', defaults)} ({levels_words(entry.setup, defaults)})"
    requested = "" if choice.board.budget in (None, entry.nfe) else f", budget {choice.board.budget}"
    interval = f"95 % interval {number(entry.low, 4)} to {number(entry.high, 4)}" if entry.sure else "interval unknown"
    time = f"{number(cost.seconds, 3)} s per 1,000 samples on {cost.device}" if cost.device else "not timed"
    return (
        f"{sampler} with {number(entry.nfe)} evaluations{requested}: "
        f"{task.metric} {number(entry.value, 4)} ({interval}; {task.n_samples:,} samples), {time}."
    )
