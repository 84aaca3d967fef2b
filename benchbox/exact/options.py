"""Whether a sampler honours its options, and does under all of them what it should."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any, Literal, get_args, get_origin

import torch

from benchbox import get
from benchbox.driver import trajectory
from benchbox.errors import UsageError
from benchbox.exact.rules import RuleResult, Trial, counted_denoiser, relative, vector
from benchbox.metrics.ode_error import solution
from benchbox.noise import BLOCK, Noise
from benchbox.options import alternatives, hints
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

CLOSE = 0.1
"""Largest relative distance from the exact solution on many intervals."""


def other_values(sampler: Sampler) -> dict[str, list[Any]]:
    """Other values of each option."""
    return {
        o: [v for v in _others(hint, getattr(sampler, o)) if v != getattr(sampler, o)]
        for o, hint in hints(type(sampler)).items()
    }


def discrete(sampler: Sampler) -> dict[str, list[Any]]:
    """Other values of the options that choose among named variants, not plugins."""
    named = {
        o
        for o, hint in hints(type(sampler)).items()
        if any(get_origin(h) is Literal or h is bool for h in alternatives(hint))
    }
    return {
        o: [v for v in values if isinstance(v, str | bool)] for o, values in other_values(sampler).items() if o in named
    }


def _others(hint: Any, value: Any) -> Iterator[Any]:
    for kind in alternatives(hint):
        if get_origin(kind) is Literal:
            yield from get_args(kind)
        elif kind is bool:
            yield not value
        elif kind is float:
            yield from (value / 2 if value and math.isfinite(value) else 0.5, 1.0, 0.1)
        elif kind is int:
            yield from ((value or 0) + 1, 2)
        elif kind is Schedule:
            yield from (get("schedule", "vp"), get("schedule", "flow"))
        elif kind is Sampler:
            yield from (get("sampler", "ddim"), get("sampler", "ancestral"))
        elif kind is type(None):
            yield None


def made(sampler: Sampler, values: dict[str, Any]) -> Sampler | None:
    """The sampler with these options; None where it refuses them."""
    try:
        return replace(sampler, **values)  # type: ignore[type-var]
    except (ValueError, UsageError):
        return None


def frames(sampler: Sampler) -> list[dict[str, Any]]:
    """Every named variant in every frame: settings of the options that choose among names, and of those that take one
    of the schedules."""
    every = other_values(sampler)
    named = [{}, *({o: v} for o, values in discrete(sampler).items() for v in values)]
    schedules = [{}, *({o: v} for o, values in every.items() for v in values if isinstance(v, Schedule))]
    return [a | b for a, b in product(named, schedules) if not a.keys() & b.keys()]


def solves(trial: Trial) -> RuleResult:
    """A sampler that draws nothing solves the probability-flow ODE, as each of its variants, in every frame."""
    name, expected = "solution under options", f"the exact solution of the ODE, to {CLOSE:.0%} on 64 intervals"
    tried = 0
    for values in frames(trial.sampler):
        sampler = made(trial.sampler, values)
        try:
            error = None if sampler is None else ode_distance(Trial.of(sampler, trial.schedule))
        except (ValueError, UsageError):
            continue
        if error is None:
            continue
        tried += 1
        if not error < CLOSE:
            given = ", ".join(f"{k}={getattr(v, 'name', v)}" for k, v in values.items()) or "its options"
            return RuleResult(name, False, f"with {given} it is off by {error:.1%}", expected)
    return RuleResult(name, True if tried else None, f"{tried} variants" if tried else "it draws noise", expected)


def ode_distance(trial: Trial) -> float | None:
    """How far 16 samples are from the exact solution, relative, at a quarter of the intervals and at the end.

    None where the sampler draws more than its start.
    """
    model, levels = vector(), trial.levels(65)
    noise = Noise(3, 0, BLOCK, model.shape, dtype=torch.float64)
    states = list(trajectory(trial.sampler, counted_denoiser(model), levels, noise, "none"))
    if noise.draws > 1:
        return None
    at = (16, 64) if len(states) == 65 else (-1,)
    distances = []
    with torch.inference_mode():
        for i in at:
            exact = solution(counted_denoiser(model), states[0], levels.sigmas[0], levels.sigmas[i], 1e-7)
            distances.append(float((states[i] - exact).norm() / exact.norm()))
    return max(distances)


def settings(sampler: Sampler, option: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of settings that differ in one option alone: at the defaults, then beside another value of another."""
    every = other_values(sampler)
    for value in every[option]:
        yield {}, {option: value}
    for other, beside in every.items():
        if other != option:
            for value, b in product(every[option], beside):
                yield {other: b}, {other: b, option: value}


def honours(trial: Trial) -> RuleResult:
    """Every option changes the samples, alone or beside another value of one other option."""
    expected = "every option changes the samples somewhere"
    every = other_values(trial.sampler)
    dead = [
        option
        for option, values in every.items()
        if values and not any(_differs(trial, *pair) for pair in settings(trial.sampler, option))
    ]
    if dead:
        return RuleResult("options", False, f"{', '.join(dead)} changes nothing", expected)
    return RuleResult("options", True, f"{', '.join(every) or 'none to honour'}", expected)


def _differs(trial: Trial, a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two settings give different samples, or ask for different evaluations."""
    one, two = made(trial.sampler, a), made(trial.sampler, b)
    if one is None or two is None:
        return False
    try:
        x, y = (Trial(s, trial.schedule, trial.grid).run(6) for s in (one, two))
    except (ValueError, UsageError):
        return False
    return relative(x, y) > 1e-9


def variants_spend(trial: Trial) -> RuleResult:
    """Evaluations as claimed under other values of the options, one at a time."""
    expected = "the claimed evaluations under every option"
    for option, values in other_values(trial.sampler).items():
        for value in values:
            sampler = made(trial.sampler, {option: value})
            if sampler is None or sampler.evals_per_step is None:
                continue
            try:
                spent, claimed = Trial(sampler, trial.schedule, trial.grid).spent(7), sampler.evals(7)
            except (ValueError, UsageError):
                continue
            if spent != claimed:
                given = f"{option}={getattr(value, 'name', value)}"
                what = f"with {given} it spends {spent:g} evaluations where it claims {claimed}"
                return RuleResult("evaluations under options", False, what, expected)
    return RuleResult("evaluations under options", True, "as claimed", expected)
