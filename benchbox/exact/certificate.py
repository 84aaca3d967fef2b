"""A sampler's certificate: its laws, its orders, its conduct."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchbox.exact.agreement import agrees
from benchbox.exact.conduct import CONDUCT
from benchbox.exact.conventions import conventions
from benchbox.exact.convergence import Error, Order, errors, measure_orders
from benchbox.exact.evaluation_levels import evaluation_levels
from benchbox.exact.law_rules import law_under_options, right_law, stationary_law
from benchbox.exact.level_rules import extremes, level_of_chain, levels_reached
from benchbox.exact.local_orders import local_orders
from benchbox.exact.local_rules import local_law, noise_scaling, short_law
from benchbox.exact.option_rules import honours, runs_or_refuses, solves
from benchbox.exact.order_rules import orders_hold
from benchbox.exact.refusal import in_one_line, is_refusal
from benchbox.exact.rules import RuleResult, apply, image, vector
from benchbox.exact.study import SCHEDULES, Study
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
    settings: int = 1
    biased_by: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return all(check.passed is not False for check in self.checks)

    @property
    def scope(self) -> str:
        """Under how many settings of the options, and which of them are declared to change the law."""
        under = f"{self.settings} settings of the options" if self.settings > 1 else "its own options alone"
        biased = f"; declared to change the law: {', '.join(self.biased_by)}" if self.biased_by else ""
        return f"examined under {under}{biased}"

    @property
    def failures(self) -> tuple[RuleResult, ...]:
        return tuple(check for check in self.checks if check.passed is False)

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "name": self.name, "options": self.options, "passed": self.passed,
            "settings": self.settings, "biased_by": list(self.biased_by),
            "checks": [c.as_dict() for c in self.checks], "errors": [e.as_dict() for e in self.errors],
            "orders": [o.as_dict() for o in self.orders],
        }  # fmt: skip


def inspect(study: Study, published: bool = True) -> Iterator[RuleResult | Order]:
    """Everything that can fail, cheap things first: a caller may stop at the first failure.

    Of a chain at one level the conduct, and that it stays there and leaves the law of that level in place.
    """
    for schedule in study.schedules if published else ():
        yield from apply([(f"published formulas ({schedule})", agrees)], study.own(schedule))
    first, *_ = study.schedules
    one_level = study.own(first).sampler.one_level
    yield study.choices()
    for name, rule in (("settings", runs_or_refuses), *CONDUCT):
        if not (one_level and name == "level of the start"):
            yield study.apply(name, rule, first)
    yield study.apply("names of options", conventions, study.schedules[-1], law=True)
    yield study.apply("extremes", extremes, first, single=True)
    if one_level:
        yield study.apply("level of the chain", level_of_chain, first)
        yield from (study.apply("stationary law", stationary_law, schedule, law=True) for schedule in study.schedules)
    else:
        yield from laws(study)
    yield from apply([("options", honours)], study.own(study.schedules[-1]))
    if one_level:
        return
    try:
        yield from measured_orders(study)
    except Exception as error:
        yield RuleResult("orders", False, in_one_line(error), "no exception")
    yield study.apply("order under options", orders_hold, first, law=True)


def laws(study: Study) -> Iterator[RuleResult]:
    """The rules that ask for the right law, but under options that are declared to change it."""
    first, *_ = study.schedules
    for schedule in study.schedules:
        single = schedule != first
        yield study.apply(f"levels of evaluations ({schedule})", evaluation_levels, schedule, law=True, single=single)
        yield study.apply(f"local law ({schedule})", local_law, schedule, law=True, single=single)
        yield study.apply(f"law from level to level ({schedule})", short_law, schedule, law=True, single=single)
        for data, model in (("vector", vector()), ("image", image())):
            yield from apply(
                [(f"law ({schedule}, {data})", partial(right_law, model=model, data=data))], study.own(schedule)
            )
        yield study.apply(f"local order ({schedule})", local_orders, schedule, law=True, single=single)
        yield study.apply(f"solution ({schedule})", solves, schedule, law=True, single=single)
    yield from apply([("levels", levels_reached)], study.own(first))
    yield study.apply("noise per interval", noise_scaling, first, law=True)
    if len(study.variants) > 1:
        yield study.apply("law under options", law_under_options, first, law=True)


def measured_orders(study: Study) -> Iterator[Order]:
    """The orders of the sampler on each schedule, and of its named variants on the first one that they take."""
    for schedule in study.schedules:
        yield from measure_orders(study.own(schedule))
    seen = set[str]()
    for schedule in SCHEDULES:
        for variant, trial in study.trials(schedule, law=True):
            if variant.named and str(variant) not in seen:
                seen.add(str(variant))
                try:
                    yield from measure_orders(trial, str(variant))
                except Exception as error:
                    if not is_refusal(error):
                        raise


def certificate(sampler: Sampler, tick: Callable[[str], None] = lambda step: None, quick: bool = False) -> Certificate:
    """The certificate of a sampler; tick is told each thing that is done. quick: under its own options alone."""
    study, checks, orders = Study(sampler, quick), list[RuleResult](), list[Order]()
    for item in inspect(study):
        if isinstance(item, Order):
            orders.append(item)
            checks += [item.check] if item.check else []
        else:
            checks.append(item)
        tick(checks[-1].name)
    return Certificate(
        sampler.name, describe(sampler), tuple(checks), tuple(_run_errors(sampler)), tuple(orders),
        settings=len(study.variants), biased_by=sampler.biased_by,
    )  # fmt: skip


def _run_errors(sampler: Sampler) -> list[Error]:
    """The errors of whole runs; none of a sampler that is broken, whose checks have said so."""
    try:
        return list(errors(sampler))
    except Exception:
        return []


def failed_checks(sampler: Sampler, published: bool = True) -> Iterator[RuleResult]:
    """The failed checks, as they are found; published: the published formulas of the built-ins are compared, too."""
    for item in inspect(Study(sampler), published):
        check = item.check if isinstance(item, Order) else item
        if check is not None and check.passed is False:
            yield check
