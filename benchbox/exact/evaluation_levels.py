"""The rule for levels of evaluations: the network is asked D(x, σ) about an x that is at σ.

D(·, σ) is the posterior mean of x_0 + σ n. On Gaussian data a run starts from the exact law; each state x that the
sampler asks about within the first interval must then have the law of the level that is asked for, up to the error of
the step that made it, which is of second order in the interval. A level at the other end of the interval is of first.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from benchbox.exact.law import Law, noised, one_hot, scripted_output
from benchbox.exact.rules import CallRecorder, RuleResult, Trial
from benchbox.exact.short_runs import (
    CONSTANT,
    LOCAL_INTERVALS,
    LOCAL_ORDER,
    STARTS,
    affine,
    order_between,
    short_levels,
    spectra,
)
from benchbox.grid import Levels


def evaluation_levels(trial: Trial) -> RuleResult:
    """The order in the interval of the error of the law of each state that the model is asked about."""
    name = f"levels of evaluations ({trial.schedule.name})"
    expected = "each state has the law of the level at which the model is asked about it, to second order"
    if not affine(trial):
        return RuleResult(name, None, "its law is not exact", expected)
    for start in STARTS:
        coarse, fine = (list(errors_of_asked(trial, short_levels(trial, start, n))) for n in LOCAL_INTERVALS)
        for (_, before), (sigma, error) in zip(coarse, fine, strict=True):
            order = order_between(before, error)
            if not order >= LOCAL_ORDER and not (trial.sampler.order is None and order < CONSTANT):
                state = f"a state whose law is off by {error:.1e}, of order {order:.2f}"
                return RuleResult(name, False, f"asked at σ = {sigma:.4g} about {state}", expected)
    return RuleResult(name, True, "asked at the levels of the states", expected)


def errors_of_asked(trial: Trial, levels: Levels) -> Iterator[tuple[float, float]]:
    """The levels asked for within the first interval, and the errors of mean and variance of the states there.

    A sampler that claims no order may ask about a state above the level, as annealed Langevin dynamics does, which
    moves it down; a state below it would be moved back.
    """
    zeros, denoise = torch.zeros(1, *spectra().shape, dtype=torch.float64), CallRecorder(spectra())
    draws = scripted_output(trial.sampler, spectra(), levels, lambda k: zeros.clone(), steps=1)[1]
    scripted_output(trial.sampler, denoise, levels, one_hot(range(draws), zeros), steps=1)
    start = noised(spectra(), levels.sigmas[0])
    for x, sigma in denoise.asked:
        offset, *weights = x.flatten(1).numpy()
        gain, *drawn = np.array(weights) - offset
        law = Law(offset, gain, np.square(drawn).sum(0), levels.start_std, draws - 1, 0)
        mean, variance = law.moments(start)
        exact_mean, exact = noised(spectra(), sigma)
        excess = variance / exact - 1
        if trial.sampler.order is None:
            excess = np.minimum(excess, 0)
        yield sigma, float(max((np.abs(mean - exact_mean) / np.sqrt(exact)).max(), np.abs(excess).max()))
