"""A sampler under all settings of its options: each rule is applied under each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from benchbox.errors import UsageError
from benchbox.exact.refusal import in_one_line, is_refusal
from benchbox.exact.rules import RuleResult, Trial
from benchbox.exact.settings import Variant, covering_settings
from benchbox.registry import get
from benchbox.sampler import Sampler

SCHEDULES = ("edm", "vp")
"""Laws and orders are measured on a schedule that explodes and on one that preserves the variance."""

FEW, MANY = 6, 129
"""Levels on which a sampler must run; a setting that is refused on few may run on many."""

TrialRule = Callable[[Trial], RuleResult]


class Study:
    """A sampler and the settings of its options that it is examined under; the first is the sampler as it is.

    quick: under that one alone. UsageError where the sampler as it is runs on none of the schedules.
    """

    def __init__(self, sampler: Sampler, quick: bool = False) -> None:
        self.variants = [Variant(sampler, {})] if quick else covering_settings(sampler)
        self.refusals: list[tuple[Variant, str]] = []
        self.prepared = {name: list(self._prepared(name)) for name in SCHEDULES}
        if not self.schedules:
            where, why = ", ".join(SCHEDULES), self.refusals[0][1].rstrip(".")
            raise UsageError(f"sampler {sampler.name} runs on none of the schedules {where}: {why}.")

    def _prepared(self, schedule: str) -> Iterator[tuple[Variant, Trial]]:
        for variant in self.variants:
            for few in (FEW, MANY) if variant.values else (FEW,):
                try:
                    trial = Trial.of(variant.sampler, get("schedule", schedule), few=few)
                except Exception as error:
                    if not is_refusal(error):
                        raise
                    self.refusals.append((variant, str(error)))
                else:
                    yield variant, trial
                    break

    @property
    def schedules(self) -> list[str]:
        """Those on which the sampler as it is runs."""
        return [name for name, trials in self.prepared.items() if trials and not trials[0][0].values]

    def choices(self) -> RuleResult:
        """Every named choice of an option that the class accepts runs somewhere: on a schedule, beside some others."""
        name, expected = "choices", "every choice of an option runs on some schedule"
        ran = [v.values for trials in self.prepared.values() for v, _ in trials]
        for variant, why in self.refusals:
            if variant.named and not any(variant.values.items() <= values.items() for values in ran):
                return RuleResult(name, False, f"{variant.prefix}it runs on no schedule: {why}", expected)
        return RuleResult(name, True, "each runs", expected)

    def own(self, schedule: str) -> Trial:
        """The sampler as it is on one of its schedules."""
        return self.prepared[schedule][0][1].cold()

    def trials(self, schedule: str, law: bool = False, single: bool = False) -> Iterator[tuple[Variant, Trial]]:
        """The variants that run on a schedule, each on a grid that suits it, with a sampler that has run nothing yet.

        law: but for those whose options are declared to change the law; single: those of one option alone.
        """
        for variant, trial in self.prepared[schedule]:
            if not (law and variant.biased) and not (single and len(variant.values) > 1):
                yield variant, trial.cold()

    def apply(self, name: str, rule: TrialRule, schedule: str, law: bool = False, single: bool = False) -> RuleResult:
        """The rule under each setting that `trials` gives: the first failure, or what it says of the sampler as it is.

        A refusal is no failure, except of the sampler as it is, unless it asks for fewer levels.
        """
        results: list[RuleResult] = []
        for variant, trial in self.trials(schedule, law, single):
            try:
                result = rule(trial)
            except Exception as error:
                if variant.values and is_refusal(error):
                    continue
                fewer = is_refusal(error) and "fewer levels" in str(error)
                result = RuleResult(name, None if fewer else False, in_one_line(error), "no exception")
            if result.passed is False:
                return replace(result, measured=f"{variant.prefix}{result.measured}")
            results.append(result)
        return _summary(name, results)


def _summary(name: str, results: list[RuleResult]) -> RuleResult:
    """Of results that are no failures: the first that applies, and under how many settings it does."""
    applied = [r for r in results if r.passed]
    if not applied:
        return results[0] if results else RuleResult(name, None, "it runs under no setting", "")
    under = f", under {len(applied)} settings" if len(applied) > 1 else ""
    return replace(applied[0], measured=applied[0].measured + under)
