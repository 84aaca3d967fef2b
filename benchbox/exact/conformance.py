"""Certificates of any plugin: samplers, and the rules for schedules, models and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchbox.agreement import Agreement
from benchbox.bench.hardware import usable
from benchbox.errors import UsageError
from benchbox.exact.certificate import Certificate, certificate
from benchbox.exact.guidance_rules import guidance_certificate
from benchbox.exact.jump_rules import JUMP_RULES
from benchbox.exact.metric_rules import METRIC_RULES, metric_subject
from benchbox.exact.model_rules import MODEL_RULES
from benchbox.exact.problem_rules import PROBLEM_RULES
from benchbox.exact.rules import Rule, RuleResult, apply
from benchbox.exact.schedule_rules import SCHEDULE_RULES
from benchbox.exact.solver_rules import solver_certificate
from benchbox.guidance import Guidance
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.options import build, describe
from benchbox.problem import Problem
from benchbox.registry import get, registry
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule


def conformance(kind: str, plugin: Any) -> Certificate:
    """The certificate of a schedule, a model, a metric, a problem or a guidance."""
    if kind == "guidance":
        return guidance_certificate(plugin)
    table: dict[str, tuple[tuple[str, Rule], ...]] = {
        "schedule": SCHEDULE_RULES, "model": (*MODEL_RULES, *JUMP_RULES), "metric": METRIC_RULES,
        "problem": PROBLEM_RULES,
    }  # fmt: skip
    if kind == "metric":
        try:
            measured = metric_subject(plugin)
        except UsageError as error:
            unmeasured = RuleResult(
                "samples", None, f"nothing here to measure: {error}", "a model whose samples it measures"
            )
            return Certificate(plugin.name, describe(plugin), (unmeasured,), kind=kind)
        return Certificate(plugin.name, describe(plugin), tuple(apply(table[kind], measured)), kind=kind)
    compared = tuple(agreement(one) for one in plugin.agreements(usable("auto"))) if kind == "model" else ()
    return Certificate(plugin.name, describe(plugin), compared or tuple(apply(table[kind], plugin)), kind=kind)


def agreement(comparison: Agreement) -> RuleResult:
    """A comparison of a model with the software that it comes from, as a rule."""
    measured, allowed = f"largest difference {comparison.difference:.2g}", f"at most {comparison.allowed:g}"
    return RuleResult(comparison.name, comparison.difference <= comparison.allowed, f"{measured}, {allowed}", allowed)


CERTIFIABLE: dict[str, type] = {
    "sampler": Sampler, "schedule": Schedule, "model": Model, "metric": Metric, "guidance": Guidance,
    "problem": Problem,
}  # fmt: skip
"""What can be certified."""


def certificate_of(
    plugin: Any,
    kind: str | None = None,
    tick: Callable[[str], None] = lambda step: None,
    quick: bool = False,
    **options: Any,
) -> Certificate:
    """The certificate of a plugin: a name or a class with options, or an instance; of the first kind that fits.

    quick: a sampler under its own options alone, without other settings of them.

    UsageError for a name that no plugin has, an option that it has not, and a sampler that cannot be run at all.
    """
    if isinstance(plugin, str):
        kind = kind or kind_of(plugin)
        plugin = get(kind, plugin, **options)
    elif isinstance(plugin, type):
        plugin = build(plugin, options, registry().get)
    kind = kind or next((k for k, base in CERTIFIABLE.items() if isinstance(plugin, base)), None)
    if kind not in CERTIFIABLE or not isinstance(plugin, CERTIFIABLE[kind]):
        raise UsageError(f"{plugin!r} is not a {kind or ', '.join(CERTIFIABLE)} that can be certified.")
    if not isinstance(plugin, Sampler):
        return conformance(kind, plugin)
    plugin.check(get("model", "gaussian"))
    return solver_certificate(plugin, quick) if plugin.uses_measurement else certificate(plugin, tick, quick)


def kind_of(name: str) -> str:
    """The first kind of plugin that has the name; sampler where none has."""
    for kind in CERTIFIABLE:
        try:
            registry().find(kind, name)
        except UsageError:
            continue
        return kind
    return "sampler"
