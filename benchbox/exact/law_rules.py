"""Rules on the law of whole runs: on many intervals it is that of the data."""

from __future__ import annotations

import numpy as np

from benchbox.driver import ADAPTIVE_LEVELS
from benchbox.exact.affinity import why_not_exact
from benchbox.exact.law import noised, propagate
from benchbox.exact.montecarlo import W2Estimate, estimate_w2, samples
from benchbox.exact.noise_rules import deterministic
from benchbox.exact.rules import RuleResult, Trial, large_image, vector
from benchbox.models.gaussian import Gaussian

RIGHT = 0.1
"""Largest W2 error of a right law on many intervals, relative to the data's root mean square norm."""


MANY_INTERVALS = 128
"""Intervals that are many for a sampler whose error is estimated."""


def right_law(trial: Trial, model: Gaussian, data: str) -> RuleResult:
    """From the exact law at the first level, on many intervals, to that at the last one."""
    error, how = law_error(trial, model, ADAPTIVE_LEVELS - 1 if trial.adaptive else MANY_INTERVALS)
    return RuleResult(
        f"law ({trial.schedule.name}, {data})",
        error.low <= RIGHT,
        f"W2 error {error.value:.2%} of the data's size, {how}",
        f"a W2 error of at most {RIGHT:.0%} of the data's size on many intervals",
    )  # fmt: skip


def stationary_law(trial: Trial) -> RuleResult:
    """A chain at the last level, started in its exact law, is still in it after many steps."""
    levels = trial.levels(MANY_INTERVALS + 1)
    target = noised(vector(), levels.sigmas[-1])
    size = float(np.sqrt(np.sum(target[1]) + np.sum(target[0] ** 2)))
    error = propagate(trial.sampler, vector(), levels).w2(target, target) / size
    return RuleResult(
        f"stationary law ({trial.schedule.name})",
        error <= RIGHT,
        f"W2 error {error:.2%} of the data's size after {MANY_INTERVALS} steps from the law of the last level",
        f"at most {RIGHT:.0%}: it leaves that law in place",
    )


def law_under_options(trial: Trial) -> RuleResult:
    """The law on many intervals, and where it is not right on four times as many."""
    expected = f"a W2 error of at most {RIGHT:.0%} of the data's size as intervals grow, or the option in biased_by"
    if deterministic(trial):
        return RuleResult("law under options", None, "it draws nothing: it has to solve the ODE", expected)
    for intervals in (ADAPTIVE_LEVELS - 1,) if trial.adaptive else (MANY_INTERVALS, 4 * MANY_INTERVALS):
        exact = trial.adaptive or why_not_exact(trial.sampler, vector(), trial.levels(6)) is None
        error, how = law_error(trial, vector() if exact else large_image(), intervals)
        measured = f"W2 error {error.value:.2%} of the data's size on {intervals} intervals, {how}"
        if error.low <= RIGHT:
            return RuleResult("law under options", True, measured, expected)
    return RuleResult("law under options", False, measured, expected)


def law_error(trial: Trial, model: Gaussian, intervals: int) -> tuple[W2Estimate, str]:
    """The W2 error relative to the data's root mean square norm, and how it was found."""
    levels = trial.levels(intervals + 1)
    start, target = (noised(model, s) for s in (levels.sigmas[0], levels.sigmas[-1]))
    size = float(np.sqrt(np.sum(target[1]) + np.sum(target[0] ** 2)))
    if why := why_not_exact(trial.sampler, model, levels):
        estimate = estimate_w2(samples(trial.sampler, model, levels, 2000, start=start), target)
        return W2Estimate(estimate.value / size, estimate.low / size, estimate.high / size), f"Monte Carlo ({why})"
    exact = propagate(trial.sampler, model, levels).w2(target, start) / size
    return W2Estimate(exact, exact, exact), "exact"
