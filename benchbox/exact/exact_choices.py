"""Rules for choices of an option that are exact for some data: one long interval must show it.

variance small is exact for data that are one point, large for N(0, I) in a frame that preserves the variance (Ho et al.
2020, arXiv:2006.11239, §3.2). In such a frame the probability-flow ODE of N(0, I) stands still, so that the integrators
euler and exponential are exact without noise, and ancestral, a step of the DDPM, keeps N(0, I).
"""

from __future__ import annotations

import math
from dataclasses import replace

from benchbox.exact.affinity import why_not_exact
from benchbox.exact.law import noised, propagate
from benchbox.exact.rules import Trial
from benchbox.exact.settings import made
from benchbox.exact.short_runs import moment_error, short_levels
from benchbox.models.gaussian import Gaussian

EXACT_LAW = 1e-6
"""Largest error of mean and variance where a choice is exact."""


def posterior_variance(trial: Trial, choice: str) -> str | None:
    """One long interval from the exact law, on data for which the choice is exact."""
    if choice not in ("small", "large") or (choice == "large" and not preserving(trial)):
        return None
    error = _law_error(trial, 1.0 if choice == "large" else 1e-12)
    return None if not error > EXACT_LAW else f"variance={choice} is off by {error:.1e} where it is exact"


def kept_law(trial: Trial, choice: str) -> str | None:
    """One long interval from N(0, I), the law of the data, in a frame that preserves the variance."""
    strength = {"euler": 0.0, "exponential": 0.0, "ancestral": 1.0}.get(choice)
    sampler = made(trial.sampler, {"kappa": strength}) if hasattr(trial.sampler, "kappa") else None
    if strength is None or sampler is None or not preserving(trial):
        return None
    error = _law_error(replace(trial, sampler=sampler), 1.0)
    return None if not error > EXACT_LAW else f"at kappa={strength:g} N(0, I) is changed by {error:.1e} in one interval"


def preserving(trial: Trial) -> bool:
    """Whether s²(1 + σ²) = 1 in the sampler's frame."""
    levels = trial.levels(6).in_frame(getattr(trial.sampler, "frame", None))
    return all(abs(s * s * (1 + o * o) - 1) < 1e-6 for s, o in zip(levels.scales, levels.sigmas, strict=True))


def _law_error(trial: Trial, variance: float) -> float:
    """The error of mean and variance after one interval to half the level, on data N(0, variance)."""
    model = Gaussian(mean=(0.0, 0.0), eigenvalues=(variance, variance))
    levels = short_levels(trial, 0.8, 1, 2.0)
    if why_not_exact(trial.sampler, model, levels):
        return math.nan
    law = propagate(trial.sampler, model, levels)
    return moment_error(law.moments(noised(model, levels.sigmas[0])), levels.sigmas[-1], model)
