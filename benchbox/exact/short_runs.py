"""Short runs from the exact law of Gaussian data at some level: levels, errors of mean and variance, local orders."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np

from benchbox.exact.affinity import why_not_exact
from benchbox.exact.law import noised
from benchbox.exact.rules import Trial
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


def order_between(coarse: float, fine: float) -> float:
    """The order of an error from the first of `LOCAL_INTERVALS` to the second."""
    if fine < ROUNDED:
        return math.inf
    return math.log(coarse / fine) / math.log(LOCAL_INTERVALS[1] / LOCAL_INTERVALS[0])
