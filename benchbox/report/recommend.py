"""Which measured configuration to use; or what to measure, where the rows cannot tell."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from benchbox.errors import UsageError
from benchbox.report.board import Board
from benchbox.report.command import model_words, run_command
from benchbox.report.entry import Cost, Entry
from benchbox.report.leaderboard import name
from benchbox.report.table import Defaults, number
from benchbox.report.ties import separated

FIRST_SWEEP = ("ancestral,ddim,heun", (5, 10, 20, 50, 100), 1000)
"""Samplers, budgets and samples for a model of which nothing is known yet."""

MORE_SEEDS = 3
"""Further seeds where an interval is too wide to tell."""


@dataclass(frozen=True)
class Choice:
    """An entry with the board that it is on."""

    board: Board
    entry: Entry

    @property
    def price(self) -> tuple[float, float]:
        """Seconds, then evaluations; what has no time comes last."""
        seconds = self.entry.cost.seconds
        return (math.inf if math.isnan(seconds) else seconds), self.entry.nfe


@dataclass(frozen=True)
class Recommendation:
    """A measured choice, or None where the rows cannot tell; why; and the command that measures it (again)."""

    choice: Choice | None
    why: str
    command: str


def measured_choices(boards: Iterable[Board], model: str, metric: str = "fid") -> list[Choice]:
    """Every setup and budget of a model once, of the task that has the most samples, then the most measurements.

    Times are of the device that most were measured on; the others have none.
    """
    every = [
        board for board in boards
        if board.task.metric == metric and board.task.model == model and board.levels != "unknown"
    ]  # fmt: skip
    tasks = Counter(board.task for board in every for _ in board.entries)
    if not tasks:
        return []
    task = max(tasks, key=lambda t: (t.n_samples, tasks[t]))
    found = {
        (entry.setup, board.budget): Choice(board, entry)
        for board in every if board.task == task for entry in board.entries
    }  # fmt: skip
    device = Counter(c.entry.cost.device for c in found.values()).most_common(1)[0][0]
    return [c if c.entry.cost.device == device else _untimed(c) for c in found.values()]


def for_target(known: Sequence[Choice], model: str, target: float, defaults: Defaults) -> Recommendation:
    """The cheapest whose whole 95 % interval is at or below a target. UsageError for a target that is not above 0."""
    if not target > 0:
        raise UsageError(f"a target of {target:g} is not valid: it is above 0.")
    if not known:
        return _nothing_measured(model)
    sure, perhaps = _cheapest_first(known, target)
    if sure:
        best, cheaper = sure[0], [c for c in perhaps if c.price < sure[0].price]
        why = (
            f"{said(best, defaults)} Of {len(known)} measured, the cheapest whose whole interval is within {target:g}."
        )
        why += f" Cheaper, and perhaps within it: {said(cheaper[0], defaults)}" if cheaper else ""
        return Recommendation(best, why, _again(best, defaults))
    if perhaps:
        why = f"the rows cannot tell: what may be within {target:g} is not known well enough; of that, the cheapest: "
        return Recommendation(None, why + said(perhaps[0], defaults), _again(perhaps[0], defaults, MORE_SEEDS))
    best = min(known, key=lambda c: c.entry.value)
    most = max((c.board.budget for c in known if c.board.budget), default=50)
    why = f"the rows cannot tell: nothing that was measured comes near {target:g}; the best: {said(best, defaults)}"
    return Recommendation(None, why, _sweep(known, [2 * most, 4 * most], defaults))


def for_time(known: Sequence[Choice], model: str, seconds: float, defaults: Defaults) -> Recommendation:
    """The best that takes at most so many seconds per 1,000 samples: of those tied for it, the cheapest.

    UsageError for a time that is not above 0.
    """
    if not seconds > 0:
        raise UsageError(f"a time budget of {seconds:g} s is not valid: it is above 0.")
    timed = [c for c in known if math.isfinite(c.entry.cost.seconds)]
    if not known:
        return _nothing_measured(model)
    if not timed:
        why = f"the rows cannot tell: of model {model} no time was measured on a machine at rest."
        budgets = sorted({c.board.budget for c in known if c.board.budget})
        return Recommendation(None, why, f"{_sweep(known, budgets, defaults)} --exclusive --force")
    within = sorted((c for c in timed if c.entry.cost.seconds <= seconds), key=lambda c: c.entry.value)
    if not within:
        least = min(timed, key=lambda c: c.price)
        why = f"the rows cannot tell: nothing that was measured is as quick; the quickest: {said(least, defaults)}"
        affordable = max(2, int(least.entry.nfe * seconds / least.entry.cost.seconds))
        return Recommendation(None, why, _sweep(known, [affordable], defaults))
    differ = separated([c.entry.estimate for c in within])[0]
    tied = [c for c, other in zip(within, differ, strict=True) if not other and c.entry.sure]
    best = min(tied, key=lambda c: c.price) if within[0].entry.sure else within[0]
    why = f"{said(best, defaults)} Of {len(within)} measured within {seconds:g} s it is the best"
    if not best.entry.sure:
        return Recommendation(best, f"{why}, as far as one seed tells.", _again(best, defaults))
    why += f", and the cheapest of {len(tied)} that are tied." if len(tied) > 1 else "."
    return Recommendation(best, why, _again(best, defaults))


def said(choice: Choice, defaults: Defaults) -> str:
    """A choice in one sentence: what, how good, at what cost."""
    entry, task, cost = choice.entry, choice.board.task, choice.entry.cost
    levels = f"schedule {name(entry.setup, 'schedule', defaults)}, grid {name(entry.setup, 'grid', defaults)}"
    asked = "" if choice.board.budget in (None, entry.nfe) else f", asked for {choice.board.budget}"
    interval = f"95 % interval {number(entry.low, 4)} to {number(entry.high, 4)}" if entry.sure else "interval unknown"
    time = f"{number(cost.seconds, 3)} s per 1,000 samples on {cost.device}" if cost.device else "no time"
    return (
        f"{name(entry.setup, 'sampler', defaults)} ({levels}) with {number(entry.nfe)} evaluations{asked}: "
        f"{task.metric} {number(entry.value, 4)} ({interval}; {task.n_samples:,} samples), {time}."
    )


def _cheapest_first(known: Sequence[Choice], target: float) -> tuple[list[Choice], list[Choice]]:
    """Those whose interval is within a target, and those of which it is not known; of equal price, the better first."""
    by_price = sorted(known, key=lambda c: (c.price, c.entry.value))
    sure = [c for c in by_price if c.entry.high <= target]
    return sure, [c for c in by_price if not c.entry.high <= target and _low(c.entry) <= target]


def _untimed(choice: Choice) -> Choice:
    return replace(choice, entry=replace(choice.entry, cost=Cost()))


def _low(entry: Entry) -> float:
    return entry.low if entry.sure else entry.value


def _again(choice: Choice, defaults: Defaults, more: int = 0) -> str:
    seeds = choice.entry.seeds
    wanted = range(max(seeds) + 1, max(seeds) + 1 + more) if more else seeds
    return run_command(choice.board, choice.entry.setup, list(wanted), defaults, choice.entry.row)


def _nothing_measured(model: str) -> Recommendation:
    return Recommendation(
        None, f"the rows cannot tell: none measures model {model}.", _run(["--model", model], *FIRST_SWEEP)
    )


def _sweep(known: Sequence[Choice], budgets: Sequence[int], defaults: Defaults) -> str:
    """The samplers of the three best choices at other budgets."""
    samplers = list(dict.fromkeys(c.entry.setup.sampler for c in sorted(known, key=lambda c: c.entry.value)))[:3]
    task = known[0].board.task
    model = model_words(task, known[0].entry.row, defaults)
    return _run(model, ",".join(samplers), budgets, task.n_samples)


def _run(model: Sequence[str], samplers: str, budgets: Sequence[int], n_samples: int) -> str:
    words = ["--sampler", samplers, "--nfe", ",".join(map(str, budgets)), *model, "--samples", str(n_samples)]
    return shlex.join(["benchbox", "run", *words, "--seed", "0,1,2"])
