"""Where the error of a sampler on an inverse problem comes from: its steps, its start, and the guidance.

Exact W2 distances to the posterior of Gaussian data, averaged over measurements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from benchbox.bench.truths import measure
from benchbox.driver import plan_levels, planned_nfe
from benchbox.errors import UsageError
from benchbox.exact.budget import FINE_INTERVALS, Budget, BudgetSetting
from benchbox.exact.posterior_law import MeanCovariance, PosteriorRuns
from benchbox.gaussians import root_of
from benchbox.grid import Levels
from benchbox.guidance import Guidance
from benchbox.measurement import pose
from benchbox.metrics.frechet import gaussian_w2
from benchbox.problem import Problem
from benchbox.registry import get

AVERAGED_MEASUREMENTS = 3
"""Over which the distances are averaged; the covariances are the same for all."""

POSTERIOR_SOURCES = {
    "start": "the oracle from the schedule's start, not from the exact law of x; many intervals",
    "discretisation": "the oracle from the exact law of x, on the run's intervals",
    "guidance": "the guidance in place of the oracle, both from the exact law of x",
    "last denoise": "the exact law at σ_N, finished as the run is",
    "with the oracle": "the whole run under the oracle",
    "together": "the whole run under the guidance",
}
"""Each column and what it measures."""


def moments_w2(a: MeanCovariance, b: MeanCovariance) -> float:
    return gaussian_w2(*a, b[0], root_of(b[1]))


def sources(runs: PosteriorRuns, guidance: Guidance, run: Levels, fine: Levels, final: str) -> dict[str, float]:
    """The distances of one measurement. A guidance without continuous limit is compared on the run's intervals."""
    oracle = get("guidance", "oracle")
    first, end = runs.noised(run.sigmas[0]), runs.noised(run.sigmas[-1])
    limit, own = runs.outputs(oracle, fine), runs.outputs(oracle, run)
    at, exact = (fine, limit) if guidance.continuous_limit else (run, own)
    return {
        "start": moments_w2(limit.moments(), limit.moments(first)),
        "discretisation": moments_w2(own.moments(first), end),
        "guidance": moments_w2(runs.outputs(guidance, at, start=first).moments(first), exact.moments(first)),
        "last denoise": moments_w2(runs.finished(run, final), runs.posterior),
        "with the oracle": moments_w2(runs.outputs(oracle, run, final).moments(), runs.posterior),
        "together": moments_w2(runs.outputs(guidance, run, final).moments(), runs.posterior),
    }


def posterior_budgets(
    setting: BudgetSetting, problem: Problem, guidance: Guidance, nfes: Sequence[int]
) -> list[Budget]:
    """The error budgets of a posed problem; NFEs that spend the same are one. UsageError where one buys no interval."""
    sampler, model = setting.sampler, setting.model
    measurements = measure(problem, model, AVERAGED_MEASUREMENTS, 0, "cpu", torch.float64)
    runs = [PosteriorRuns(sampler, model, measurements, j) for j in range(AVERAGED_MEASUREMENTS)]
    budgets: dict[int, Budget] = {}
    for n_levels in dict.fromkeys(plan_levels(sampler, nfe, setting.final) for nfe in nfes):
        if n_levels < 2:
            raise UsageError(f"sampler {sampler.name} makes no step with an NFE of {min(nfes)}: give a larger --nfe.")
        numbers = n_levels, max(n_levels, FINE_INTERVALS + 1)
        run, fine = (Levels.cut(setting.schedule, setting.grid, n) for n in numbers)
        each = [sources(one, guidance, run, fine, setting.final) for one in runs]
        w2 = {source: float(np.mean([distances[source] for distances in each])) for source in POSTERIOR_SOURCES}
        nfe = planned_nfe(sampler, n_levels, setting.final)
        budgets[nfe] = Budget(nfe, n_levels - 1, w2)
    return list(budgets.values())


def posed_problem(problem: Problem, guidance: Guidance, setting: BudgetSetting) -> Problem:
    """The problem for the setting's data. UsageError where there is no error budget."""
    sampler = setting.sampler
    if sampler.evals_per_step is None or sampler.uses_measurement or sampler.uses_jumps:
        raise UsageError(f"sampler {sampler.name} has no error budget under a guidance: take one such as heun.")
    if not problem.linear:
        raise UsageError(
            f"problem {problem.name} is not linear, so its posterior is not known: it has no error budget."
        )
    if not guidance.uses_measurement:
        raise UsageError(f"guidance {guidance.name} does not use the measurement of problem {problem.name}.")
    posed = pose(problem, setting.model)
    guidance.check_problem(posed, setting.model)
    return posed
