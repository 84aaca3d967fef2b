"""Which measured setup to use; or what to measure, if the rows cannot tell."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from benchbox.errors import UsageError
from benchbox.report.choices import Choice, cheapest_first, choice_sentence
from benchbox.report.command import guidance_words, model_words, run_command
from benchbox.report.prepared import RANKED
from benchbox.report.table import Defaults
from benchbox.report.ties import separated

FIRST_SWEEP = ("ancestral,ddim,heun", (5, 10, 20, 50, 100), 1000)
"""Samplers, budgets and samples for a model without rows."""

MORE_SEEDS = 3
"""Additional seeds if an interval is too wide."""


@dataclass(frozen=True)
class Recommendation:
    """A measured choice (None if the rows cannot tell), the reason, and the command that measures it."""

    choice: Choice | None
    why: str
    command: str


def for_target(choices: Sequence[Choice], model: str, target: float, defaults: Defaults) -> Recommendation:
    """The cheapest choice whose whole 95 % interval is at or below a target. UsageError unless the target is > 0."""
    if not target > 0:
        raise UsageError(f"a target of {target:g} is not valid: it must be above 0.")
    if not choices:
        return _nothing_measured(model)
    certain, possible = cheapest_first(choices, target)
    if certain:
        cheaper = [c for c in possible if c.price < certain[0].price]
        why = f"{choice_sentence(certain[0], defaults)} It is the cheapest of {len(choices)} measured setups whose "
        why += f"whole interval is at or below {target:g}."
        why += f" Cheaper, and possibly good enough: {choice_sentence(cheaper[0], defaults)}" if cheaper else ""
        return Recommendation(certain[0], why, _again(certain[0], defaults))
    if possible:
        why = (
            f"the rows cannot tell: the intervals of the setups that may reach {target:g} are too wide; the cheapest: "
        )
        why += choice_sentence(possible[0], defaults)
        return Recommendation(None, why, _again(possible[0], defaults, MORE_SEEDS))
    best = min(choices, key=lambda c: c.entry.value)
    largest = max((c.board.budget for c in choices if c.board.budget), default=50)
    why = f"the rows cannot tell: no measured setup reaches {target:g}; the best: {choice_sentence(best, defaults)}"
    return Recommendation(None, why, _sweep(choices, [2 * largest, 4 * largest], defaults))


def for_time(choices: Sequence[Choice], model: str, seconds: float, defaults: Defaults) -> Recommendation:
    """The best choice within a time per 1,000 samples; of those tied with it, the cheapest.

    UsageError unless the time is > 0.
    """
    if not seconds > 0:
        raise UsageError(f"a time budget of {seconds:g} s is not valid: it must be above 0.")
    if not choices:
        return _nothing_measured(model)
    timed = [c for c in choices if math.isfinite(c.entry.cost.seconds)]
    if not timed:
        why = (
            f"the rows cannot tell: no row of model {model} has a valid time; timings taken under load are unreliable."
        )
        budgets = sorted({c.board.budget for c in choices if c.board.budget})
        return Recommendation(None, why, f"{_sweep(choices, budgets, defaults)} --exclusive --force")
    within = sorted((c for c in timed if c.entry.cost.seconds <= seconds), key=lambda c: c.entry.value)
    if not within:
        fastest = min(timed, key=lambda c: c.price)
        why = f"the rows cannot tell: no measured setup is this fast; the fastest: {choice_sentence(fastest, defaults)}"
        affordable = max(2, int(fastest.entry.nfe * seconds / fastest.entry.cost.seconds))
        return Recommendation(None, why, _sweep(choices, [affordable], defaults))
    return _best_within(within, seconds, defaults)


def _best_within(within: Sequence[Choice], seconds: float, defaults: Defaults) -> Recommendation:
    """The best of the choices within a time budget. within: in the order of values."""
    differ = separated([c.entry.estimate for c in within])[0]
    tied = [c for c, separate in zip(within, differ, strict=True) if not separate and c.entry.sure]
    best = min(tied, key=lambda c: c.price) if within[0].entry.sure else within[0]
    why = f"{choice_sentence(best, defaults)} It is the best of {len(within)} measured setups within {seconds:g} s"
    if not best.entry.sure:
        return Recommendation(best, f"{why}, judged by one seed.", _again(best, defaults))
    why += f", and the cheapest of the {len(tied)} that are tied." if len(tied) > 1 else "."
    return Recommendation(best, why, _again(best, defaults))


def _again(choice: Choice, defaults: Defaults, more: int = 0) -> str:
    """The command that repeats a choice, or that adds further seeds."""
    measured = choice.entry.seeds
    seeds = range(max(measured) + 1, max(measured) + 1 + more) if more else measured
    return run_command(choice.board, choice.entry.setup, list(seeds), defaults, choice.entry.row)


def _nothing_measured(model: str) -> Recommendation:
    why = f"the rows cannot tell: there are none for model {model}."
    return Recommendation(None, why, _run(["--model", model], *FIRST_SWEEP))


def _sweep(choices: Sequence[Choice], budgets: Sequence[int], defaults: Defaults) -> str:
    """The samplers of the three best choices at other budgets."""
    samplers = list(dict.fromkeys(c.entry.setup.sampler for c in sorted(choices, key=lambda c: c.entry.value)))[:3]
    task = choices[0].board.task
    model = [*model_words(task, choices[0].entry.row, defaults), *guidance_words(task, defaults)]
    model += ["--metric", RANKED[task.metric].metric] if task.metric != "fid" else []
    return _run(model, ",".join(samplers), budgets, task.n_samples)


def _run(model: Sequence[str], samplers: str, budgets: Sequence[int], n_samples: int) -> str:
    words = ["--sampler", samplers, "--nfe", ",".join(map(str, budgets)), *model, "--samples", str(n_samples)]
    return shlex.join(["benchbox", "run", *words, "--seed", "0,1,2"])
