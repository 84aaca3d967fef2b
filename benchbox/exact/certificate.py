"""A sampler's certificate: its laws, its orders, its conduct."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from benchbox import get
from benchbox.errors import UsageError
from benchbox.exact.agreement import agrees
from benchbox.exact.conduct import CONDUCT
from benchbox.exact.laws import SCHEDULES, Error, Order, errors, measure_orders, right_law, variants
from benchbox.exact.options import honours, solves, variants_spend
from benchbox.exact.rules import Rule, RuleResult, Trial, apply, image, vector
from benchbox.options import describe
from benchbox.sampler import Sampler


@dataclass(frozen=True)
class Certificate:
    """What was found out about one plugin."""

    name: str
    options: dict[str, Any]
    checks: tuple[RuleResult, ...]
    errors: tuple[Error, ...] = ()
    orders: tuple[Order, ...] = ()
    kind: str = "sampler"

    @property
    def passed(self) -> bool:
        return all(check.passed is not False for check in self.checks)

    @property
    def failures(self) -> tuple[RuleResult, ...]:
        return tuple(check for check in self.checks if check.passed is False)

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "name": self.name, "options": self.options, "passed": self.passed,
            "checks": [c.as_dict() for c in self.checks], "errors": [e.as_dict() for e in self.errors],
            "orders": [o.as_dict() for o in self.orders],
        }  # fmt: skip


def trials(sampler: Sampler) -> Iterator[Trial]:
    """The sampler on each of the schedules that certificates are measured on. UsageError where it runs on none."""
    problem: Exception | None = None
    found = False
    for name in SCHEDULES:
        try:
            trial = Trial.of(sampler, get("schedule", name))
        except (UsageError, ValueError) as error:
            problem = error
            continue
        found = True
        yield trial
    if not found:
        text = str(problem).rstrip(".")
        raise UsageError(f"sampler {sampler.name} runs on none of the schedules {', '.join(SCHEDULES)}: {text}.")


def rules(trial: Trial, first: bool) -> list[tuple[str, Rule]]:
    """All checks that are a single rule; conduct does not depend on the schedule and is looked at once."""
    laws = [
        (f"law ({trial.schedule.name}, {w})", partial(right_law, model=m, what=w))
        for m, w in ((vector(), "vector"), (image(), "image"))
    ]
    under = [("options", honours), ("evaluations under options", variants_spend), ("solution under options", solves)]
    reference = [(f"published formulas ({trial.schedule.name})", agrees)]
    return [*reference, *(CONDUCT if first else ()), *laws, *(under if trial.schedule.name == SCHEDULES[-1] else ())]


def measured_orders(sampler: Sampler) -> Iterator[Order]:
    """The orders of the sampler on each schedule, and of its named variants on the first one that they take."""
    for variant, instance in variants(sampler):
        try:
            for trial in islice(trials(instance), 1 if variant else None):
                yield from measure_orders(trial, variant)
        except (UsageError, ValueError):
            continue  # this variant runs on neither schedule in the range of the measurement


def inspect(sampler: Sampler) -> Iterator[RuleResult | Order]:
    """Everything that can fail, cheap things first: a caller may stop at the first failure."""
    for i, trial in enumerate(trials(sampler)):
        for rule in rules(trial, not i):
            yield from apply([rule], trial.cold())
    try:
        yield from measured_orders(sampler)
    except Exception as error:
        yield RuleResult("orders", False, f"{type(error).__name__}: {error}".splitlines()[0], "no exception")


def certificate(sampler: Sampler, tick: Callable[[str], None] = lambda what: None) -> Certificate:
    """The certificate of a sampler; tick is told each thing that is done."""
    checks, found = [], []
    for item in inspect(sampler):
        if isinstance(item, Order):
            found.append(item)
            checks += [item.check] if item.check else []
        else:
            checks.append(item)
        tick(checks[-1].name)
    return Certificate(sampler.name, describe(sampler), tuple(checks), tuple(_run_errors(sampler)), tuple(found))


def _run_errors(sampler: Sampler) -> list[Error]:
    """The errors of whole runs; none of a sampler that is broken, whose checks have said so."""
    try:
        return list(errors(sampler))
    except Exception:
        return []


def failed_checks(sampler: Sampler, published: bool = True) -> Iterator[RuleResult]:
    """The failed checks, as they are found; published: the published formulas of the built-ins are compared, too."""
    for item in inspect(sampler):
        check = item.check if isinstance(item, Order) else item
        if check is not None and check.passed is False and (published or not check.name.startswith("published")):
            yield check
