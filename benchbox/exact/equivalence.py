"""Whether a mutant changes a sample: what does not is no fault.

Nor is it one where the samples are the original's with −z in place of some draws z: N(0, I) is symmetric, so they have
the same law.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from benchbox.errors import UsageError
from benchbox.exact.agreement import settings_of
from benchbox.exact.mutants import Mutant, cpu_limit
from benchbox.exact.posed import Posed, accepted
from benchbox.exact.rules import Trial, image, relative
from benchbox.exact.settings import made
from benchbox.exact.solver_rules import SIGMA_Y
from benchbox.noise import BLOCK, Noise
from benchbox.registry import get
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

UNCHANGED = 1e-13
"""Samples in float64 that differ by less, relative, are the same."""

SIGNS = [signs for n in (1, 2, 3) for signs in product((1, -1), repeat=n)]
"""Of the draws after the start, in turn; of at most three in an interval. The first are all 1."""


class SignedNoise(Noise):
    """The noise of `Trial.run`, its draws after the start with these signs in turn."""

    def __init__(self, signs: tuple[int, ...]) -> None:
        super().__init__(0, 0, BLOCK, image().shape, dtype=torch.float64)
        self.signs = signs

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        z = super().__call__(sigma, sigma_next)
        return z if self.draws == 1 else z * self.signs[(self.draws - 2) % len(self.signs)]


def changes_samples(mutant: Mutant) -> bool:
    """Whether any run differs from the original's: at the options as they are, and at one and two others changed."""
    try:
        with cpu_limit():
            sampler = mutant.make()
            return any(_changes(get("schedule", name), mutant.original, sampler) for name in ("vp", "edm"))
    except Exception:
        return True  # it cannot even be run, where the original can


def _changes(schedule: Schedule, original: Sampler, mutated: Sampler) -> bool:
    trial = Trial.of(_runnable(original)[0], schedule)
    for values in settings_of(original):
        before, after = made(original, values), made(mutated, values)
        if before is None:
            continue
        pairs = [] if after is None else zip(_runnable(before), _runnable(after, before), strict=True)
        if after is None or any(_differ(trial, *pair) for pair in pairs):
            return True
    return False


def _runnable(sampler: Sampler, like: Sampler | None = None) -> list[Sampler]:
    """What runs without a measurement of its own: the sampler, or it posed each problem that it (or another) takes."""
    if not sampler.uses_measurement:
        return [sampler]
    return [Posed(sampler, problem) for problem in accepted(like or sampler, image(), SIGMA_Y)]


def _differ(trial: Trial, original: Sampler, mutated: Sampler) -> bool:
    try:
        expected = Trial(original, trial.schedule, trial.grid).run(6)
    except (ValueError, UsageError):
        return False
    own = Trial(mutated, trial.schedule, trial.grid)
    changed = all(not relative(own.run(6, noise=SignedNoise(signs)), expected) < UNCHANGED for signs in SIGNS)
    return changed or (not own.adaptive and own.spent(6) != original.evals(6))
