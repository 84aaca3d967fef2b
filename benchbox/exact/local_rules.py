"""Rules for the law after one interval and after a short run: what is wrong with a coefficient shows at once.

On Gaussian data the exact law at σ is N(μ, λ + σ²) along each eigenvector. A sampler starts from it and goes one of N
intervals; the errors of its mean and variance, relative to the exact law's, must then be O(N⁻²), whatever its noise:
an error of first order in one interval adds up to one that does not vanish.
"""

from __future__ import annotations

import math

import numpy as np

from benchbox.exact.law import Law, noised, propagate
from benchbox.exact.montecarlo import samples
from benchbox.exact.noise_rules import deterministic
from benchbox.exact.rules import RuleResult, Trial, large_image
from benchbox.exact.short_runs import (
    CONSTANT,
    LOCAL_INTERVALS,
    LOCAL_ORDER,
    STARTS,
    affine,
    moment_error,
    order_between,
    short_levels,
    spectra,
)
from benchbox.grid import Levels
from benchbox.models.analytic import FloatVector
from benchbox.models.gaussian import Gaussian

DEVIATION = 0.05
"""Largest error of mean and spread after 128 intervals to half the level, relative to the spread."""

ESTIMATED_DEVIATION = 0.15
"""The same where it is estimated from samples."""


def local_law(trial: Trial) -> RuleResult:
    """The order in the interval of the errors of mean and variance after one interval, from the exact law."""
    name = f"local law ({trial.schedule.name})"
    expected = "errors of mean and variance after one interval that are of second order in its length"
    if not affine(trial):
        return RuleResult(name, None, "its law is not exact", expected)
    worst = math.inf
    for start in STARTS:
        order, error = _local_order(trial, start)
        if not order >= LOCAL_ORDER and not (
            trial.sampler.order is None and order < CONSTANT and error < 2 * DEVIATION
        ):
            measured = f"after one interval from σ = {start:g} the law is off by {error:.1e}, of order {order:.2f}"
            return RuleResult(name, False, measured, expected)
        worst = min(worst, order)
    measured = "exact to rounding" if worst == math.inf else f"least order {worst:.2f}"
    return RuleResult(name, True, measured, expected)


def _local_order(trial: Trial, start: float) -> tuple[float, float]:
    """The order, and the larger error; infinite where the error is rounding."""
    errors = []
    for intervals in LOCAL_INTERVALS:
        levels = short_levels(trial, start, intervals)
        law = propagate(trial.sampler, spectra(), levels, steps=1)
        errors.append(moment_error(law.moments(noised(spectra(), levels.sigmas[0])), levels.sigmas[1], spectra()))
    return order_between(*errors), errors[0]


def short_law(trial: Trial) -> RuleResult:
    """Mean and spread after 128 intervals from a level to half of it, from the exact law at its start."""
    name, expected = f"law from level to level ({trial.schedule.name})", f"the exact law, to {DEVIATION:.0%}"
    if trial.adaptive or deterministic(trial):
        return RuleResult(name, None, "it is adaptive or draws nothing: it has to solve the ODE", expected)
    exact, worst = affine(trial), 0.0
    for start in STARTS:
        levels = short_levels(trial, start, 128, 2.0)
        error = _exact_deviation(trial, levels) if exact else _estimated_deviation(trial, levels)
        if not error < (DEVIATION if exact else ESTIMATED_DEVIATION):
            measured = (
                f"from σ = {levels.sigmas[0]:.2g} to {levels.sigmas[-1]:.2g} mean or spread is off by {error:.0%}"
            )
            return RuleResult(name, False, measured, expected)
        worst = max(worst, error)
    return RuleResult(name, True, f"off by {worst:.1%} at most" + ("" if exact else " (estimated)"), expected)


def _deviation(moments: tuple[FloatVector, FloatVector], sigma: float, model: Gaussian) -> float:
    return moment_error((moments[0], np.sqrt(moments[1] * noised(model, sigma)[1])), sigma, model)


def _exact_deviation(trial: Trial, levels: Levels) -> float:
    law = propagate(trial.sampler, spectra(), levels)
    return _deviation(law.moments(noised(spectra(), levels.sigmas[0])), levels.sigmas[-1], spectra())


def _estimated_deviation(trial: Trial, levels: Levels) -> float:
    model = large_image()
    x = samples(trial.sampler, model, levels, 2048, start=noised(model, levels.sigmas[0]))
    return _deviation((x.mean(0), x.var(0)), levels.sigmas[-1], model)


def noise_scaling(trial: Trial) -> RuleResult:
    """The share of the variance that is drawn on the way does not vanish as intervals get shorter."""
    name, expected = "noise per interval", "variances that are proportional to the interval"
    if deterministic(trial) or not affine(trial):
        return RuleResult(name, None, "it draws nothing, or its law is not exact", expected)
    for start in STARTS:
        coarse, fine = (_drawn_share(trial, short_levels(trial, start, n, 2.0)) for n in (16, 128))
        if coarse > 1e-6 and fine < coarse / 3:
            measured = (
                f"of the variance at σ = {start / 2:g} it draws {coarse:.1%} on 16 intervals and {fine:.1%} on 128"
            )
            return RuleResult(name, False, f"{measured}: its noise vanishes as intervals get shorter", expected)
    return RuleResult(name, True, "does not vanish as intervals get shorter", expected)


def _drawn_share(trial: Trial, levels: Levels) -> float:
    law: Law = propagate(trial.sampler, spectra(), levels)
    return float((law.noise / law.moments(noised(spectra(), levels.sigmas[0]))[1]).max())
