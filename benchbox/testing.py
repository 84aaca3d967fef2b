"""The conformance suite for a plugin's own tests: `from benchbox.testing import check_sampler`.

Each function takes a plugin instance, class or name, and options, and returns the certificate. It raises
AssertionError, which names every broken rule with the measured and the expected values.
"""

from __future__ import annotations

from typing import Any

from benchbox.exact.certificate import Certificate
from benchbox.exact.conformance import certificate_of
from benchbox.guidance import Guidance
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.problem import Problem
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

__all__ = ["check_guidance", "check_metric", "check_model", "check_problem", "check_sampler", "check_schedule"]


def check_sampler(sampler: Sampler | type[Sampler] | str, **options: Any) -> Certificate:
    """A sampler's exact law, its order, and its conduct."""
    return _passed("sampler", sampler, options)


def check_schedule(schedule: Schedule | type[Schedule] | str, **options: Any) -> Certificate:
    """Monotone σ, its inverse and derivatives, finite ends."""
    return _passed("schedule", schedule, options)


def check_model(model: Model | type[Model] | str, **options: Any) -> Certificate:
    """D is the posterior mean where that is known; batch independence; no gradient graph kept."""
    return _passed("model", model, options)


def check_metric(metric: Metric | type[Metric] | str, **options: Any) -> Certificate:
    """The same value for any split, order, and merging of the samples."""
    return _passed("metric", metric, options)


def check_guidance(guidance: Guidance | type[Guidance] | str, **options: Any) -> Certificate:
    """Its cost as counted; the same for any batch; no state between batches."""
    return _passed("guidance", guidance, options)


def check_problem(problem: Problem | type[Problem] | str, **options: Any) -> Certificate:
    """⟨A x, y⟩ = ⟨x, Aᵀ y⟩; linear where it says so; the same for any batch; differentiable; no state."""
    return _passed("problem", problem, options)


def _passed(kind: str, plugin: Any, options: dict[str, Any]) -> Certificate:
    certificate = certificate_of(plugin, kind=kind, **options)
    title, checks = f"{kind} {certificate.name}", certificate.checks
    if not certificate.passed:
        raise AssertionError("\n".join([f"{title} breaks its rules:", *map(str, certificate.failures)]))
    if not any(check.passed for check in checks):
        raise AssertionError("\n".join([f"nothing of {title} could be checked:", *map(str, checks)]))
    return certificate
