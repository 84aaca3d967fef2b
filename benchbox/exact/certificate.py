"""A sampler's certificate: its laws, its orders, its conduct."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from benchbox import get
from benchbox.errors import UsageError
from benchbox.exact.conduct import CONDUCT
from benchbox.exact.laws import SCHEDULES, Error, Order, errors, orders, right_law, variants
from benchbox.exact.options import honours, solves, variants_spend
from benchbox.exact.others import METRIC_RULES, MODEL_RULES, SCHEDULE_RULES, subject
from benchbox.exact.references import agrees
from benchbox.exact.rules import Check, Rule, Trial, apply, image, vector
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.options import build, describe
from benchbox.registry import registry
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule


@dataclass(frozen=True)
class Certificate:
    """What was found out about one plugin."""

    name: str
    options: dict[str, Any]
    checks: tuple[Check, ...]
    errors: tuple[Error, ...] = ()
    orders: tuple[Order, ...] = ()
    kind: str = "sampler"

    @property
    def passed(self) -> bool:
        return all(check.passed is not False for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
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
                yield from orders(trial, variant)
        except (UsageError, ValueError):
            continue  # this variant runs on neither schedule in the range of the measurement


def inspect(sampler: Sampler) -> Iterator[Check | Order]:
    """Everything that can fail, cheap things first: a caller may stop at the first failure."""
    for i, trial in enumerate(trials(sampler)):
        for rule in rules(trial, not i):
            yield from apply([rule], trial.cold())
    try:
        yield from measured_orders(sampler)
    except Exception as error:
        yield Check("orders", False, f"{type(error).__name__}: {error}".splitlines()[0], "no exception")


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
    return Certificate(sampler.name, describe(sampler), tuple(checks), tuple(_errors(sampler)), tuple(found))


def _errors(sampler: Sampler) -> list[Error]:
    """The errors of whole runs; none of a sampler that is broken, whose checks have said so."""
    try:
        return list(errors(sampler))
    except Exception:
        return []


def conformance(kind: str, plugin: Any) -> Certificate:
    """The certificate of a schedule, a model or a metric."""
    table: dict[str, tuple[tuple[str, Rule], ...]] = {
        "schedule": SCHEDULE_RULES, "model": MODEL_RULES, "metric": METRIC_RULES,
    }  # fmt: skip
    if kind == "metric":
        try:
            found = subject(plugin)
        except UsageError as error:
            unmeasured = Check(
                "samples", None, f"nothing here to measure: {error}", "a model whose samples it measures"
            )
            return Certificate(plugin.name, describe(plugin), (unmeasured,), kind=kind)
        return Certificate(plugin.name, describe(plugin), tuple(apply(table[kind], found)), kind=kind)
    return Certificate(plugin.name, describe(plugin), tuple(apply(table[kind], plugin)), kind=kind)


KINDS: dict[str, type] = {"sampler": Sampler, "schedule": Schedule, "model": Model, "metric": Metric}
"""What can be certified."""


def certify(
    plugin: Any, kind: str | None = None, tick: Callable[[str], None] = lambda what: None, **options: Any
) -> Certificate:
    """The certificate of a plugin: a name or a class with options, or an instance; of the first kind that fits.

    UsageError for a name that no plugin has, an option that it has not, and a sampler that cannot be run at all.
    """
    if isinstance(plugin, str):
        kind = kind or kind_of(plugin)
        plugin = get(kind, plugin, **options)
    elif isinstance(plugin, type):
        plugin = build(plugin, options, registry().get)
    kind = kind or next((k for k, base in KINDS.items() if isinstance(plugin, base)), None)
    if kind not in KINDS or not isinstance(plugin, KINDS[kind]):
        raise UsageError(f"{plugin!r} is not a {kind or ', '.join(KINDS)} that can be certified.")
    return certificate(plugin, tick) if isinstance(plugin, Sampler) else conformance(kind, plugin)


def kind_of(name: str) -> str:
    """The first kind of plugin that has the name; sampler where none has."""
    for kind in KINDS:
        try:
            registry().find(kind, name)
        except UsageError:
            continue
        return kind
    return "sampler"


def faults(sampler: Sampler) -> Iterator[Check]:
    """The failed checks, as they are found."""
    for item in inspect(sampler):
        check = item.check if isinstance(item, Order) else item
        if check is not None and check.passed is False:
            yield check
