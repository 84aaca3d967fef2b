"""Measured values with their standard errors: means, differences, p-values, and errors moderated by one another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtri, digamma, fdtri, ndtri, polygamma, stdtr, stdtrit

CONFIDENCE = 0.95
"""Of the intervals that are read from rows and shown."""

CONTRADICTED = 0.01
"""Probability that seeds of a right interval are found to spread too much for it."""

ENOUGH = 18
"""Degrees of freedom that errors have together before one leans on another: two jackknives, or nine times three seeds.

With five times three, equals would be tied in 88 % (docs/ties.py).
"""

NORMAL = float(ndtri(0.5 + CONFIDENCE / 2))


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error (nan: unknown) and the degrees of freedom of that (inf: taken as known)."""

    value: float
    error: float = math.nan
    dof: float = math.inf

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval; nan where the error is unknown."""
        return self.error * student(self.dof)


def student(dof: float) -> float:
    """Half of the 95 % interval, in standard errors of so many degrees of freedom."""
    return NORMAL if math.isinf(dof) else float(stdtrit(dof, 0.5 + CONFIDENCE / 2))


def average(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of independent estimates; the degrees of freedom of its error as Welch (1947) has them."""
    n = len(estimates)
    variance = math.fsum(e.error**2 for e in estimates)
    spread = math.fsum(e.error**4 / e.dof for e in estimates)
    dof = variance**2 / spread if spread > 0 else math.inf
    return Estimate(math.fsum(e.value for e in estimates) / n, math.sqrt(variance) / n, dof)


def mean(values: Sequence[float], errors: Sequence[float] = (), dof: float = math.inf) -> Estimate:
    """The mean of a value over seeds, with its standard error.

    `errors` are those of the single values, nan where unknown, each of so many degrees of freedom. They give that of
    the mean, unless the spread over seeds contradicts them (χ² or F test at 1 %) or one is unknown: then the spread
    does. A single value has its own.
    """
    n = len(values)
    stated = average([Estimate(v, e, dof) for v, e in zip(values, errors or [math.nan] * n, strict=True)])
    if n == 1:
        return stated
    spread = math.sqrt(math.fsum((v - stated.value) ** 2 for v in values) / (n - 1) / n)
    return (
        stated if spread <= stated.error * _critical_ratio(n - 1, stated.dof) else Estimate(stated.value, spread, n - 1)
    )


def _critical_ratio(dof: float, other: float) -> float:
    """What the ratio of two estimates of one error, of so many degrees of freedom, exceeds in 1 % of cases."""
    known = math.isinf(other)
    return math.sqrt(chdtri(dof, CONTRADICTED) / dof if known else fdtri(dof, other, 1 - CONTRADICTED))


def difference(a: Estimate, b: Estimate) -> Estimate:
    """a − b of independent estimates (Welch 1947). An unknown error is as large as the other's."""
    if math.isnan(a.error):
        a = replace(a, error=b.error, dof=b.dof)
    elif math.isnan(b.error):
        b = replace(b, error=a.error, dof=a.dof)
    half = average([a, replace(b, value=-b.value)])
    return Estimate(a.value - b.value, 2 * half.error, half.dof)


def p_value(d: Estimate) -> float:
    """Two-sided, of a difference of zero; nan where nothing is known of its error."""
    if d.error == 0:
        return float(d.value == 0)
    return 2 * float(stdtr(d.dof, -abs(d.value) / d.error))


def moderated(estimates: Sequence[Estimate]) -> list[Estimate]:
    """The estimates with errors that lean on one another, the more so the more alike they are (Smyth 2004, §§4, 6).

    An error of few degrees of freedom is itself uncertain; where those of many samplers agree within that uncertainty,
    each is as sure as all of them together. Errors that are unknown, or taken as known, stay as they are.
    """
    found = [e for e in estimates if e.error > 0 and math.isfinite(e.dof)]
    if len(found) < 2 or sum(e.dof for e in found) < ENOUGH:
        return list(estimates)
    variance, dof = np.array([e.error**2 for e in found]), np.array([e.dof for e in found])
    logs = np.log(variance) - digamma(dof / 2) + np.log(dof / 2)
    excess = float(np.var(logs, ddof=1) - polygamma(1, dof / 2).mean())
    if excess > 0:
        prior_dof = 2 * _inverse_trigamma(excess)
        prior = math.exp(logs.mean() + digamma(prior_dof / 2) - math.log(prior_dof / 2))
    else:
        prior_dof, prior = math.inf, float((dof * variance).sum() / dof.sum())

    def lean(e: Estimate) -> Estimate:
        if not (e.error > 0 and math.isfinite(e.dof)):
            return e
        weight = 1.0 if math.isinf(prior_dof) else prior_dof / (prior_dof + e.dof)
        error = math.sqrt(weight * prior + (1 - weight) * e.error**2)
        return replace(e, error=error, dof=min(prior_dof + e.dof, float(dof.sum())))

    return [lean(e) for e in estimates]


def _inverse_trigamma(value: float) -> float:
    """x with ψ'(x) = value, by Newton's method on 1/ψ', which is convex (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(50):
        here = float(polygamma(1, x))
        step = here * (1 - here / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
