"""Rules for the laws of solvers of inverse problems, where these are known whatever the method: half of data measured.

Pixels of the Gaussian images are independent, so what is not measured has the law of the data; what is measured without
noise is known, N(y, σ²) at σ. On data that are one point both hold to second order in one interval.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from benchbox.exact.affinity import Turned, turns
from benchbox.exact.law import last, noised, propagate
from benchbox.exact.law_rules import MANY_INTERVALS
from benchbox.exact.noise_rules import draws_in_order, draws_used
from benchbox.exact.posed import Posed, half, solver_of
from benchbox.exact.rules import RuleResult, Trial, counted_denoiser, image, relative
from benchbox.models.analytic import FloatVector
from benchbox.noise import BLOCK
from benchbox.residual_gradient import residual_gradient

UNMEASURED, MEASURED = 0.2, 0.1
"""Largest errors of a mean or a spread of a pixel, relative to its spread, of whole runs."""

EXACT_PULL = 1e-6
"""Largest relative error of a pull that is known."""


def unmeasured_law(trial: Trial) -> RuleResult:
    """What is independent of the measurement keeps the law of the data, on many intervals."""
    error, seen = pixel_errors(trial)
    worst = float(error[~seen].max())
    measured = f"mean or spread of a pixel that is not measured is off by {worst:.1%} of its spread"
    return RuleResult("law of what is not measured", worst < UNMEASURED, measured, f"at most {UNMEASURED:.0%}")


def measured_law(trial: Trial) -> RuleResult:
    """What is measured without noise is the measurement, on many intervals, where the method claims a limit."""
    name = "law of what is measured"
    if not solver_of(trial).continuous_limit:
        return RuleResult(name, None, "it claims no continuous limit", "")
    error, seen = pixel_errors(trial)
    worst = float(error[seen].max())
    measured = f"mean or spread of a pixel that is measured without noise is off by {worst:.1%} of that of the data"
    return RuleResult(name, worst < MEASURED, measured, f"at most {MEASURED:.0%}")


@cache
def turned() -> Turned:
    """An image whose pixels depend on each other, so that what is measured tells of the rest."""
    return Turned(image(), torch.as_tensor(turns(16)["rotation"]))


def draws_of_posterior(trial: Trial) -> RuleResult:
    """Each draw changes the sample, if nothing is measured with noise; or, on the way back up, a state."""
    ordered = draws_in_order(trial).passed
    return draws_used(replace(trial, sampler=Posed(solver_of(trial), half(0.0))), turned(), asked=not ordered)


def pixel_errors(trial: Trial) -> tuple[FloatVector, NDArray[np.bool_]]:
    """Without noise of the measurement: the error of mean or spread of each pixel, and which pixels are measured."""
    model, sampler, levels = image(), Posed(solver_of(trial), half(0.0)), trial.levels(MANY_INTERVALS + 1)
    y = sampler.measurements(model)
    seen = y.problem.forward(torch.ones(1, *model.shape, dtype=torch.float64)).flatten().numpy() > 0
    mean, variance = propagate(sampler, model, levels).moments()
    prior_mean, prior = noised(model, levels.sigmas[-1])
    exact_mean = np.where(seen, y.y[0].flatten().numpy(), prior_mean)
    exact = np.where(seen, levels.sigmas[-1] ** 2, prior)
    errors = np.maximum(np.abs(mean - exact_mean), np.abs(np.sqrt(variance) - np.sqrt(exact)))
    return errors / np.sqrt(prior), seen


def pull_of_zeta(trial: Trial) -> RuleResult:
    """An option `zeta` weighs the pull −ζ √((1+σ²)(1+σ'²)) ∇‖y − A(D)‖ (Chung et al. 2023, arXiv:2209.14687)."""
    name, expected = "names of options", "zeta as in algorithm 1 of arXiv:2209.14687"
    solver, sampler = solver_of(trial), trial.sampler
    zeta = getattr(solver, "zeta", None)
    if zeta is None or not isinstance(sampler, Posed):
        return RuleResult(name, None, "none that is known", expected)
    twice = replace(trial, sampler=replace(sampler, solver=replace(solver, zeta=2 * zeta)))  # type: ignore[type-var]  # a dataclass
    start, end = trial.states(2)
    denoise = counted_denoiser(image())
    denoise.pose(sampler.measurements(image()))
    denoise.at(torch.zeros(BLOCK, dtype=torch.long))
    y = denoise.measurement
    assert y is not None
    frame = math.prod(math.sqrt(1 + sigma**2) for sigma in trial.levels(2).sigmas)
    pull = zeta * frame * residual_gradient(denoise, start, trial.levels(2).sigmas[0], y)[1]
    off = relative(end - last(twice.states(2)), pull)
    return RuleResult(name, off < EXACT_PULL, f"the pull of zeta is off by {off:.1e}", expected)
