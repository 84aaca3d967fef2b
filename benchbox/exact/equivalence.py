"""Whether a mutant changes a sample: what does not is no fault."""

from __future__ import annotations

from benchbox.errors import UsageError
from benchbox.exact.agreement import settings_of
from benchbox.exact.mutants import Mutant, cpu_limit
from benchbox.exact.posed import Posed
from benchbox.exact.rules import Trial, relative
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
    trial = Trial.of(_posed(original), schedule)
    for values in settings_of(original):
        before, after = made(original, values), made(mutated, values)
        if before is not None and (after is None or _differ(trial, _posed(before), _posed(after))):
            return True
    return False


def _posed(sampler: Sampler) -> Sampler:
    """What runs without a measurement of its own."""
    return Posed(sampler, SIGMA_Y) if sampler.uses_measurement else sampler


def _differ(trial: Trial, original: Sampler, mutated: Sampler) -> bool:
    try:
        expected = Trial(original, trial.schedule, trial.grid).run(6)
    except (ValueError, UsageError):
        return False
    own = Trial(mutated, trial.schedule, trial.grid)
    changed = not relative(own.run(6), expected) < UNCHANGED
    return changed or (not own.adaptive and own.spent(6) != original.evals(6))
