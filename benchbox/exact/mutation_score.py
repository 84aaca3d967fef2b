"""Which share of the mutants of a sampler do the rules reject?

A mutant whose samples are the original's to rounding, at every setting of the options that is tried, changes nothing
and does not count.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchbox.exact.certificate import failed_checks
from benchbox.exact.equivalence import changes_samples
from benchbox.exact.mutants import Mutant, cpu_limit, mutants_of
from benchbox.exact.rules import RuleResult
from benchbox.exact.solver_rules import solver_checks
from benchbox.sampler import Sampler


def first_fault(mutant: Mutant, generic: bool = True) -> RuleResult | None:
    """The first fault that the rules find in a mutant; None where it passes.

    generic: with the rules for any sampler alone, without the published formulas of the built-ins.
    """
    try:
        with cpu_limit():
            sampler = mutant.make()
            if sampler.uses_measurement:
                return next((check for check in solver_checks(sampler) if check.passed is False), None)
            return next(failed_checks(sampler, published=not generic), None)
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
