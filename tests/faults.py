"""The fault that a certificate finds in a sampler."""

from __future__ import annotations

from benchbox import Sampler
from benchbox.exact.certificate import failed_checks
from benchbox.exact.rules import RuleResult


def fault_found(sampler: Sampler, rule: str) -> RuleResult:
    """The failed check of that rule; those after it are not made."""
    names = []
    for check in failed_checks(sampler):
        names.append(check.name)
        if check.name == rule:
            return check
    raise AssertionError(f"{rule} holds; broken are {names}")
