"""Which share of the mutants of a sampler do the rules reject?

A mutant whose samples are the original's to rounding, at every setting of the options that is tried, changes nothing
and does not count.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchbox.errors import UsageError
from benchbox.exact.agreement import settings_of
from benchbox.exact.certificate import failed_checks
from benchbox.exact.mutants import Mutant, mutants_of
from benchbox.exact.rules import RuleResult, Trial, relative
from benchbox.exact.settings import made
from benchbox.registry import get
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

MUTANT_CPU_SECONDS = 120.0
"""Processor time that a mutant may take, several times what a certificate takes."""


UNCHANGED = 1e-13
"""Samples in float64 that differ by less, relative, are the same."""


@contextmanager
def cpu_limit(seconds: float = MUTANT_CPU_SECONDS) -> Iterator[None]:
    """TimeoutError once so much processor time is spent, and every second after: a mutant may never end."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def changes_samples(mutant: Mutant) -> bool:
    """Whether any run differs from the original's: at the options as they are, and at one and two others changed."""
    try:
        with cpu_limit():
            sampler = mutant.make()
            return any(_changes(get("schedule", name), mutant.original, sampler) for name in ("vp", "edm"))
    except Exception:
        return True  # it cannot even be run, where the original can


def _changes(schedule: Schedule, original: Sampler, mutated: Sampler) -> bool:
    trial = Trial.of(original, schedule)
    for values in settings_of(trial):
        before, after = made(original, values), made(mutated, values)
        if before is not None and (after is None or _differ(trial, before, after)):
            return True
    return False


def _differ(trial: Trial, original: Sampler, mutated: Sampler) -> bool:
    try:
        expected = Trial(original, trial.schedule, trial.grid).run(6)
    except (ValueError, UsageError):
        return False
    own = Trial(mutated, trial.schedule, trial.grid)
    changed = not relative(own.run(6), expected) < UNCHANGED
    return changed or (not own.adaptive and own.spent(6) != original.evals(6))


def first_fault(mutant: Mutant, generic: bool = True) -> RuleResult | None:
    """The first fault that the rules find in a mutant; None where it passes.

    generic: with the rules for any sampler alone, without the published formulas of the built-ins.
    """
    try:
        with cpu_limit():
            return next(failed_checks(mutant.make(), published=not generic), None)
    except Exception as error:
        return RuleResult("runs", False, f"{type(error).__name__}: {error}".splitlines()[0], "no exception")


@dataclass(frozen=True)
class MutationScore:
    """What became of the mutants of one sampler."""

    sampler: str
    unchanged: int
    rejected: tuple[tuple[Mutant, RuleResult], ...]
    survivors: tuple[Mutant, ...]

    @property
    def counted(self) -> int:
        return len(self.rejected) + len(self.survivors)

    @property
    def share(self) -> float:
        """The share rejected, of those that change samples; NaN where there is none."""
        return len(self.rejected) / self.counted if self.counted else float("nan")

    def as_dict(self) -> dict[str, Any]:
        rejected = [{"mutant": str(m), "by": fault.name, "measured": fault.measured} for m, fault in self.rejected]
        return {
            "sampler": self.sampler, "unchanged": self.unchanged, "share": self.share, "rejected": rejected,
            "survivors": [str(m) for m in self.survivors],
        }  # fmt: skip

    def __str__(self) -> str:
        return (
            f"{self.sampler}: {len(self.rejected)} of {self.counted} mutants are rejected ({self.share:.0%}); "
            f"{self.unchanged} more change no sample"
        )


def mutation_score(
    sampler: Sampler,
    sample: int | None = None,
    seed: int = 0,
    generic: bool = True,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> MutationScore:
    """The rules on the mutants of a sampler: all of them, or a seeded sample of so many."""
    chosen = mutants_of(sampler)
    if sample is not None and sample < len(chosen):
        chosen = random.Random(seed).sample(chosen, sample)
    unchanged, rejected, survivors = 0, list[tuple[Mutant, RuleResult]](), list[Mutant]()
    for i, mutant in enumerate(chosen):
        tick(i, len(chosen))
        if not changes_samples(mutant):
            unchanged += 1
        elif fault := first_fault(mutant, generic):
            rejected.append((mutant, fault))
        else:
            survivors.append(mutant)
    return MutationScore(sampler.name, unchanged, tuple(rejected), tuple(survivors))
