"""Rules for options: each changes something, runs, and leaves a deterministic sampler a solver of the ODE."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import torch

from benchbox.driver import trajectory
from benchbox.exact.law import last
from benchbox.exact.refusal import in_one_line, is_refusal
from benchbox.exact.rules import RuleResult, Trial, counted_denoiser, relative, vector
from benchbox.exact.settings import Values, made, other_values
from benchbox.noise import BLOCK, Noise
from benchbox.sampler import Sampler

CLOSE = 0.1
"""Largest relative distance from the exact solution on 64 intervals."""


def runs_or_refuses(trial: Trial) -> RuleResult:
    """On few levels and many it runs or refuses; a refusal that asks for more levels ends with more of them."""
    expected = "it runs, or refuses with a ValueError that says why"
    for n in (2, 3, 4, 9, 65):
        if fault := _crash(trial, n):
            return RuleResult("settings", False, fault, expected)
    return RuleResult("settings", True, "runs on 2 to 65 levels", expected)


def _crash(trial: Trial, n_levels: int) -> str | None:
    """What is wrong with a run on so many levels."""
    try:
        last(trial.states(n_levels, model=vector()))
    except Exception as error:
        if not is_refusal(error):
            return f"on {n_levels} levels it fails: {in_one_line(error)}"
        if "more levels" in str(error) and n_levels < 1024:
            return "it asks for more levels and refuses 1024, too" if _crash(trial, 1024) else None
        return str(error) if n_levels == 1024 else None
    return None


def solves(trial: Trial) -> RuleResult:
    """A sampler that draws nothing but its start solves the probability-flow ODE, in every frame."""
    name, expected = (
        f"solution ({trial.schedule.name})",
        f"the exact solution of the ODE, to {CLOSE:.0%}",
    )
    error = ode_distance(trial)
    if error is None:
        return RuleResult(name, None, "it draws noise", expected)
    return RuleResult(name, error < CLOSE, f"off by {error:.1%} on 64 intervals", expected)


def ode_distance(trial: Trial) -> float | None:
    """How far 16 samples are from the exact solution, relative, at a quarter of the intervals and at the end.

    None where the sampler draws more than its start.
    """
    model, levels = vector(), trial.levels(65)
    noise = Noise(3, 0, BLOCK, model.shape, dtype=torch.float64)
    states = list(trajectory(trial.sampler, counted_denoiser(model), levels, noise, "none"))
    if noise.draws > 1:
        return None
    mean, spectrum = torch.as_tensor(model.center), torch.as_tensor(model.spectrum)
    distances = []
    for i in (16, 64) if len(states) == 65 else (-1,):
        first, then = levels.sigmas[0], levels.sigmas[i]
        exact = mean + (states[0] - mean) * ((spectrum + then**2) / (spectrum + first**2)).sqrt()
        distances.append(float((states[i] - exact).norm() / exact.norm()))
    return max(distances)


def option_pairs(sampler: Sampler, option: str) -> Iterator[tuple[Values, Values]]:
    """Pairs of settings that differ in one option alone: at the defaults, then beside other values of one and two."""
    every = other_values(sampler)
    for size in range(3):
        for others in combinations([o for o in every if o != option], size):
            for values in product(*(every[o] for o in others)):
                beside = dict(zip(others, values, strict=True))
                for value in every[option]:
                    yield beside, {**beside, option: value}


def honours(trial: Trial) -> RuleResult:
    """Every option changes the samples, alone or beside other values of one or two other options."""
    expected = "every option changes the samples somewhere"
    every = other_values(trial.sampler)
    dead = [
        option
        for option, values in every.items()
        if values and not any(_differs(trial, *pair) for pair in option_pairs(trial.sampler, option))
    ]
    if dead:
        return RuleResult("options", False, f"{', '.join(dead)} changes nothing", expected)
    return RuleResult("options", True, f"{', '.join(every) or 'none to honour'}", expected)


def _differs(trial: Trial, a: Values, b: Values) -> bool:
    """Whether two settings give different samples on many levels or on few: an option may be for one of them."""
    one, two = made(trial.sampler, a), made(trial.sampler, b)
    if one is None or two is None:
        return False
    return any(
        _differ_on(n, Trial(one, trial.schedule, trial.grid), Trial(two, trial.schedule, trial.grid)) for n in (17, 6)
    )


def _differ_on(n_levels: int, one: Trial, two: Trial) -> bool:
    try:
        return relative(one.run(n_levels), two.run(n_levels)) > 1e-9
    except Exception as error:
        if is_refusal(error):
            return False
        raise
