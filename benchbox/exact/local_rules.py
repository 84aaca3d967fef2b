"""Rules for the law after one interval and after a short run: what is wrong with a coefficient shows at once.

On Gaussian data the exact law at σ is N(μ, λ + σ²) along each eigenvector. A sampler starts from it and goes one of N
intervals; the errors of its mean and variance, relative to the exact law's, must then be O(N⁻²), whatever its noise:
an error of first order in one interval adds up to one that does not vanish.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np

from benchbox.exact.affinity import why_not_exact
from benchbox.exact.law import Law, noised, propagate
from benchbox.exact.montecarlo import samples
from benchbox.exact.noise_rules import deterministic
from benchbox.exact.rules import RuleResult, Trial, large_image
from benchbox.grid import Levels
from benchbox.models.analytic import FloatVector
from benchbox.models.gaussian import Gaussian

STARTS = (8.0, 0.8, 0.08)
"""Levels that short runs start at: far above the data's scale, near it, and below it."""

LOCAL_INTERVALS = (128, 512)
"""Intervals, between the start and a quarter of it, of which the first is looked at."""

LOCAL_ORDER = 1.75
"""Least local order of a consistent method, 2 less a tolerance."""

CONSTANT = 0.5
"""A local order below this is that of a bias that does not depend on the interval."""

ROUNDED = 1e-5
"""Local errors below this are rounding, even of a sampler that computes its coefficients in float32."""

DEVIATION = 0.05
"""Largest error of mean and spread after 128 intervals to half the level, relative to the spread."""

ESTIMATED_DEVIATION = 0.15
"""The same where it is estimated from samples."""


@cache
def spectra() -> Gaussian:
    """A Gaussian whose eigenvalues lie far above and far below every level of the short runs, and in between."""
    return Gaussian(mean=(1.0, -1.0, 0.5, 0.0, 2.0, -0.5), eigenvalues=(100.0, 4.0, 1.0, 0.25, 0.04, 1e-3))


def short_levels(trial: Trial, start: float, intervals: int, ratio: float = 4.0) -> Levels:
    """The trial's grid from a level down to a part of it."""
    return Levels.cut(trial.schedule, replace(trial.grid, sigma_max=start, sigma_min=start / ratio), intervals + 1)


def moment_error(moments: tuple[FloatVector, FloatVector], sigma: float, model: Gaussian) -> float:
    """The largest error of a mean or a variance, relative to the exact law's at a level."""
    mean, variance = noised(model, sigma)
    return float(max((np.abs(moments[0] - mean) / np.sqrt(variance)).max(), np.abs(moments[1] / variance - 1).max()))


def affine(trial: Trial) -> bool:
    return not trial.adaptive and why_not_exact(trial.sampler, spectra(), trial.levels(trial.few)) is None


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
    if errors[1] < ROUNDED:
        return math.inf, errors[0]
    return math.log(errors[0] / errors[1]) / math.log(LOCAL_INTERVALS[1] / LOCAL_INTERVALS[0]), errors[0]


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
