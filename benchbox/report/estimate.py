"""Estimates with standard errors: means over seeds, differences, p-values, and shrinkage of standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, digamma, fdtri, ndtri, polygamma, stdtr, stdtrit

CONFIDENCE = 0.95
"""Confidence level of all intervals, those in rows and those shown."""

CONTRADICTED = 0.01
"""Significance level of the test whether the spread over seeds contradicts the stated standard errors."""

LEAST_DOF = 18
"""Total degrees of freedom below which standard errors are not shrunk: two jackknives, or nine setups of three seeds.

With five setups of three seeds, equal samplers would be tied in 88 % of cases (docs/ties.py).
"""

NORMAL = float(ndtri(0.5 + CONFIDENCE / 2))


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error (nan: unknown), and the degrees of freedom of that error (inf: treated as exact)."""

    value: float
    error: float = math.nan
    dof: float = math.inf

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval; nan if the standard error is unknown."""
        return self.error * student(self.dof)


def student(dof: float) -> float:
    """Half the width of the 95 % interval in standard errors: the 97.5 % quantile of Student's t."""
    return NORMAL if math.isinf(dof) else float(stdtrit(dof, 0.5 + CONFIDENCE / 2))


def average(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of independent estimates, with Welch–Satterthwaite degrees of freedom (Welch 1947)."""
    n = len(estimates)
    variance = math.fsum(e.error**2 for e in estimates)
    spread = math.fsum(e.error**4 / e.dof for e in estimates)
    dof = variance**2 / spread if spread > 0 else math.inf
    return Estimate(math.fsum(e.value for e in estimates) / n, math.sqrt(variance) / n, dof)


def mean(values: Sequence[float], errors: Sequence[float] = (), dof: float = math.inf) -> Estimate:
    """The mean of a value over seeds, with its standard error.

    errors: the standard errors of the single values (nan: unknown), with `dof` degrees of freedom each. They determine
    the standard error of the mean, unless one is unknown or the spread over seeds contradicts them (χ² or F test at
    1 %). Then the spread determines it. A single value keeps its own standard error.
    """
    n = len(values)
    stated = average([Estimate(v, e, dof) for v, e in zip(values, errors or [math.nan] * n, strict=True)])
    if n == 1:
        return stated
    spread = math.sqrt(math.fsum((v - stated.value) ** 2 for v in values) / (n - 1) / n)
    consistent = spread <= stated.error * _critical_ratio(n - 1, stated.dof)
    return stated if consistent else Estimate(stated.value, spread, n - 1)


def _critical_ratio(dof: float, other: float) -> float:
    """The 99 % quantile of the ratio of two estimates of one standard error, with these degrees of freedom."""
    if math.isinf(other):
        return math.sqrt(chdtri(dof, CONTRADICTED) / dof)
    return math.sqrt(fdtri(dof, other, 1 - CONTRADICTED))


def difference(a: Estimate, b: Estimate) -> Estimate:
    """a − b of independent estimates (Welch 1947). An unknown standard error is assumed equal to the other one."""
    if math.isnan(a.error):
        a = replace(a, error=b.error, dof=b.dof)
    elif math.isnan(b.error):
        b = replace(b, error=a.error, dof=a.dof)
    half_difference = average([a, replace(b, value=-b.value)])
    return Estimate(a.value - b.value, 2 * half_difference.error, half_difference.dof)


def p_value(d: Estimate) -> float:
    """Two-sided p-value for a true difference of zero; nan if the standard error is unknown."""
    if d.error == 0:
        return float(d.value == 0)
    return 2 * float(stdtr(d.dof, -abs(d.value) / d.error))


def moderated(estimates: Sequence[Estimate]) -> list[Estimate]:
    """The estimates with standard errors shrunk toward a common value (empirical Bayes; Smyth 2004, §§4, 6).

    A variance with few degrees of freedom is itself uncertain. The less the variances differ beyond that uncertainty,
    the stronger the shrinkage, and the more degrees of freedom each gains. Standard errors that are unknown or treated
    as exact are not changed.
    """
    uncertain = [e for e in estimates if e.error > 0 and math.isfinite(e.dof)]
    if len(uncertain) < 2 or sum(e.dof for e in uncertain) < LEAST_DOF:
        return list(estimates)
    variance, dof = np.array([e.error**2 for e in uncertain]), np.array([e.dof for e in uncertain])
    prior, prior_dof = _prior(variance, dof)
    return [_shrunk(e, prior, prior_dof, float(dof.sum())) for e in estimates]


def _prior(variance: NDArray[np.float64], dof: NDArray[np.float64]) -> tuple[float, float]:
    """The common variance and its prior degrees of freedom (inf: the variances do not differ), by moments of logs."""
    logs = np.log(variance) - digamma(dof / 2) + np.log(dof / 2)
    excess = float(np.var(logs, ddof=1) - polygamma(1, dof / 2).mean())
    if excess <= 0:
        return float((dof * variance).sum() / dof.sum()), math.inf
    prior_dof = 2 * _inverse_trigamma(excess)
    return math.exp(logs.mean() + digamma(prior_dof / 2) - math.log(prior_dof / 2)), prior_dof


def _shrunk(e: Estimate, prior: float, prior_dof: float, total_dof: float) -> Estimate:
    """The posterior standard error of an estimate and its degrees of freedom, at most those of all together."""
    if not (e.error > 0 and math.isfinite(e.dof)):
        return e
    weight = 1.0 if math.isinf(prior_dof) else prior_dof / (prior_dof + e.dof)
    error = math.sqrt(weight * prior + (1 - weight) * e.error**2)
    return replace(e, error=error, dof=min(prior_dof + e.dof, total_dof))


def _inverse_trigamma(value: float) -> float:
    """x with ψ'(x) = value, by Newton's method on the convex function 1/ψ' (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
