"""Whether a mutant changes a sample: what does not is no fault."""

from __future__ import annotations

from benchbox.errors import UsageError
from benchbox.exact.agreement import settings_of
from benchbox.exact.mutants import Mutant, cpu_limit
from benchbox.exact.posed import Posed, accepted
from benchbox.exact.rules import Trial, image, relative
from benchbox.exact.settings import made
from benchbox.exact.solver_rules import SIGMA_Y
from benchbox.registry import get
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

UNCHANGED = 1e-13
"""Samples in float64 that differ by less, relative, are the same."""


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
    changed = not relative(own.run(6), expected) < UNCHANGED
    return changed or (not own.adaptive and own.spent(6) != original.evals(6))
