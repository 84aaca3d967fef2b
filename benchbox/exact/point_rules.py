"""The law of a solver of inverse problems on data that are one point x_0, where it is known whatever the method.

D(x, σ) is x_0, whatever x and y. Averaged over the noise of the measurement, a state at σ is N(x_0, σ²): y brings
noise of σ_y/s along a singular vector, the solver draws the rest. Where σ_y/s is above σ, it may also keep that noise.
The states that the model is asked about have that covariance, too: the start, and others where σ_y/s is at most σ.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchbox.exact.law import scripted_output
from benchbox.exact.posed import accepted, solver_of
from benchbox.exact.rules import CallRecorder, RuleResult, Trial
from benchbox.exact.short_runs import LOCAL_INTERVALS, LOCAL_ORDER, STARTS, order_between, short_levels
from benchbox.grid import Levels
from benchbox.measurement import Measurements, seen_entries
from benchbox.models.analytic import FloatVector
from benchbox.models.gaussian import Gaussian
from benchbox.problem import Problem
from benchbox.sampler import Sampler
from benchbox.svd import svd_of

POINT = Gaussian(mean=(1.0, -1.0, 0.5, 2.0, -0.5, 1.5, -2.0, 0.7), eigenvalues=(0.0,) * 8, sample_shape=(1, 2, 4))
"""Data that are one point."""

NOISES = (0.0, 0.3, 3.0)
"""σ_y relative to the level of the start."""


class PointState(NamedTuple):
    """A state at σ: mean and covariance over draws and the noise n of y, and its derivatives by n.

    role: "start" of the run as the model is asked about it, another state that is "asked" about, or the "end" of the
    interval.
    """

    role: str
    sigma: float
    mean: FloatVector
    covariance: FloatVector
    by_noise: FloatVector


def point_law(trial: Trial) -> RuleResult:
    """The order in the interval of the errors of all states of the first interval, for two problems."""
    name, expected = "law of a point", "the law N(x_0, σ²) over the noise of y, to second order in the interval"
    solver = solver_of(trial)
    for start in STARTS:
        for problem in (p for noise in NOISES for p in accepted(solver, POINT, noise * start)):
            under = f"{problem.name}, σ_y = {problem.sigma_y:g}: "
            runs = [point_states(solver, problem, short_levels(trial, start, n)) for n in LOCAL_INTERVALS]
            for state, finer in zip(*runs, strict=True):
                error = error_of(problem, state)
                if not (order := order_between(error, error_of(problem, finer))) >= LOCAL_ORDER:
                    where = f"at σ = {state.sigma:.4g} {ROLES[state.role]}"
                    return RuleResult(name, False, f"{under}{where} off by {error:.1e}, of order {order:.2f}", expected)
                if state.role == "end" and against(problem, state):
                    return RuleResult(name, False, f"{under}the state moves against the measurement", expected)
    return RuleResult(name, True, "of second order", expected)


ROLES = {
    "start": "the model is asked about a start", "asked": "the model is asked about a state",
    "end": "the state after one interval is",
}  # fmt: skip


def singular_vectors(problem: Problem) -> tuple[FloatVector, FloatVector, FloatVector]:
    """u, s, v of A = u diag(s) vᵀ."""
    u, s, v = (f.numpy() for f in svd_of(problem, POINT.shape, torch.device("cpu"), torch.float64))
    return u, s, v


def error_of(problem: Problem, state: PointState) -> float:
    """The larger error of mean and covariance, relative to those of the level."""
    _, s, v = singular_vectors(problem)
    beyond = np.clip((problem.sigma_y / s / state.sigma) ** 2 - 1, 0, None)
    excess = state.covariance / state.sigma**2 - np.eye(len(v))
    if state.role == "start":
        return float(np.abs(excess).max())
    if state.role == "asked":
        others = np.eye(len(v)) - v * (beyond > 0) @ v.T
        return float(np.abs(others @ excess @ others).max())
    error = min(np.abs(excess).max(), np.abs(excess - v * beyond @ v.T).max())
    return float(max(error, np.abs(state.mean - POINT.center).max() / state.sigma))


def against(problem: Problem, state: PointState) -> bool:
    """Whether more of a measurement, along a singular vector, makes less of the state."""
    u, _, v = singular_vectors(problem)
    return bool(np.diag(u.T @ state.by_noise @ v).min() < -1e-9 * state.sigma)


def point_states(solver: Sampler, problem: Problem, levels: Levels) -> Iterator[PointState]:
    """The states of the first interval, those that the model is asked about first, from N(x_0, σ²).

    By one-hot draws: row 0 has none, the others one number each of a draw or of the noise of the measurement.
    """
    x_0, dim, sigma = torch.as_tensor(POINT.center), POINT.center.size, levels.sigmas[0]
    y_0 = problem.forward(x_0.view(1, *POINT.shape))
    noises = problem.sigma_y * torch.diag(seen_entries(problem, POINT.shape).flatten().double())
    unit = sigma / levels.start_std

    def run(draws: int) -> tuple[FloatVector, int, list[tuple[Tensor, float]]]:
        y = torch.cat([y_0.repeat(1 + draws * dim, *[1] * (y_0.ndim - 1)), y_0 + noises.view(-1, *y_0.shape[1:])])

        def script(k: int) -> Tensor:
            z = torch.zeros(len(y), dim, dtype=torch.float64)
            if k < draws:
                z[1 + k * dim : 1 + (k + 1) * dim] = torch.eye(dim)
            return (x_0 / levels.start_std + unit * z if k == 0 else z).view(-1, *POINT.shape)

        denoise = CallRecorder(POINT)
        truths = x_0.expand(len(y), dim).view(-1, *POINT.shape)
        denoise.pose(Measurements(problem, truths, y, len(noises)))
        denoise.at(torch.arange(len(y)))
        return *scripted_output(solver, denoise, levels, script, steps=1), denoise.asked

    def moments(role: str, sigma: float, rows: FloatVector) -> PointState:
        weights = rows[1:] - rows[0]
        return PointState(role, sigma, rows[0], weights.T @ weights, weights[-len(noises) :])

    end, _, asked = run(run(0)[1])
    for i, (x, level) in enumerate(asked):
        yield moments("asked" if i else "start", level, x.flatten(1).numpy())
    yield moments("end", levels.sigmas[1], end)
