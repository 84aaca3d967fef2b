"""Tuned levels: exact dynamic programming, gains on exact laws, files, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Command
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

import benchbox
from benchbox.bench.cell import Cell
from benchbox.bench.sweep import Request, expand
from benchbox.errors import UsageError
from benchbox.exact.law import noised, propagate
from benchbox.exact.law import w2 as gaussian_w2
from benchbox.grid import stretched
from benchbox.metrics.ode_error import solution
from benchbox.sampler import Sampler
from benchbox.tuned import read_tuned
from benchbox.tuning import tuner
from benchbox.tuning.dmn import coefficients, dmn_levels, error_bound
from benchbox.tuning.dp import cheapest_paths
from benchbox.tuning.fine import FineSolution
from benchbox.tuning.job import TuningJob
from benchbox.tuning.journal import Journal
from benchbox.tuning.same_noise import SameNoise, levels_of
from benchbox.tuning.search import Coordinates
from benchbox.tuning.solver_aware import solver_aware_levels
from benchbox.tuning.tuner import Tuner, sigmas_of

GAUSSIAN = ("--model", "gaussian", "--device", "cpu")


def cells(sampler: str, *nfe: int, model: str = "gaussian") -> list[Cell]:
    return expand(Request(samplers=[sampler], nfe=nfe, models=[model], metrics=[]))


# dynamic programming


@st.composite
def cost_matrices(draw: st.DrawFn) -> NDArray[np.float64]:
    n = draw(st.integers(3, 7))
    cost = np.full((n, n), np.inf)
    for i, j in combinations(range(n), 2):
        cost[i, j] = draw(st.floats(0, 10))
    return cost


def discounted(cost: NDArray[np.float64], path: Sequence[int], gamma: float) -> float:
    return sum(gamma**k * float(cost[i, j]) for k, (i, j) in enumerate(zip(path, path[1:], strict=False)))


@given(cost_matrices(), st.sampled_from([1.0, 1.15, 0.8]))
@settings(max_examples=60, deadline=None)
def test_dynamic_programming_is_as_good_as_every_path_tried(cost: NDArray[np.float64], gamma: float) -> None:
    n = len(cost)
    for k, path in enumerate(cheapest_paths(cost, n - 1, gamma), 1):
        every = [(0, *between, n - 1) for between in combinations(range(1, n - 1), k - 1)]
        assert (path[0], path[-1], len(path)) == (0, n - 1, k + 1)
        best = min(discounted(cost, p, gamma) for p in every)
        assert discounted(cost, path, gamma) == pytest.approx(best, abs=1e-12)


def test_the_fine_solution_is_the_odes() -> None:
    problem = FineSolution(cells("ddim", 5)[0], 0, 8)
    sigmas = problem.levels.sigmas
    with torch.inference_mode():
        x = solution(problem.denoise, problem.z * problem.levels.start_std, sigmas[0], sigmas[-1], 1e-9)
        exact = problem.denoise(x, sigmas[-1])
    assert float((problem.ends - exact).abs().max()) < 1e-4
    assert problem.cost == 8 * len(sigmas)


# gains, measured exactly


def exact_w2(cell: Cell, sigmas: Sequence[float], held_out: Sequence[FineSolution]) -> float:
    """W2 to the data: a formula for Gaussian data; else the optimal assignment to exact samples from the same noise."""
    if cell.model.name == "gaussian":
        law = propagate(cell.sampler, cell.model, levels_of(cell.schedule, sigmas), "denoise")  # type: ignore[arg-type]
        return law.w2(noised(cell.model, 0))  # type: ignore[arg-type]
    squares = []
    for solved in held_out:
        x, y = SameNoise(cell, solved).samples(sigmas).numpy(), solved.ends.numpy()
        distances = np.square(x[:, None] - y[None]).sum(-1)
        squares.append(distances[linear_sum_assignment(distances)].mean())
    return math.sqrt(np.mean(squares))


@pytest.mark.parametrize("model", ["gaussian", "mixture"])
def test_tuned_levels_beat_every_named_grid_in_exact_w2(model: str) -> None:
    wanted = cells("ddim", 5, 6, 8, 10, model=model)
    held_out = [FineSolution(replace(wanted[0], seed=seed), 0, 400) for seed in (101, 102)]
    tune = Tuner(wanted, "dp")
    for outcome in tune:
        cell, named = outcome.cell, tune.named(outcome.cell)
        best = min(exact_w2(cell, sigmas_of(grid, cell), held_out) for grid in named)
        gain = best / exact_w2(cell, outcome.tuned.sigmas, held_out)
        assert gain >= (1.5 if cell.nfe_requested == 5 else 1)
        assert outcome.better
        assert outcome.held_out.ratio.value == pytest.approx(1 / gain, rel=0.3)


def test_a_search_improves_on_dynamic_programming_and_keeps_its_budget() -> None:
    (cell,) = cells("heun", 7)
    found = {method: next(iter(Tuner([cell], method, samples=32))) for method in ("dp", "search")}
    assert found["search"].held_out.errors["tuned"].value < 0.7 * found["dp"].held_out.errors["tuned"].value
    for method, outcome in found.items():
        tune = Tuner([cell], method, samples=32)
        assert outcome.tuned.evaluations <= tune.planned(cell) + tune.solution.cost


def test_solver_aware_levels_cost_one_evaluation_a_node_and_replay_the_sampler() -> None:
    (cell,) = cells("ddim", 6)
    problem = SameNoise(cell, FineSolution(cell, 0, 16))
    assert problem.solution.trajectories[0].shape[:2] == (61, 16)
    before = problem.solution.denoise.evaluations
    every_budget = solver_aware_levels(problem, 6)
    assert [len(sigmas) for sigmas in every_budget] == [1, 2, 3, 4, 5, 6]
    assert problem.solution.denoise.evaluations - before <= 16 * 31 * 6
    errors = [problem.error(sigmas) for sigmas in every_budget]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.6 * problem.error(cell.levels.sigmas)


@given(st.lists(st.floats(0.003, 79), min_size=1, max_size=9, unique=True))
@settings(max_examples=50, deadline=None)
def test_coordinates_of_a_search_are_levels(middle: list[float]) -> None:
    ordered = [80.0, *sorted(middle, reverse=True)]
    if any(a / b < 1.01 for a, b in zip(ordered, ordered[1:], strict=False)):
        return
    space = Coordinates(80.0, 0.002)
    np.testing.assert_allclose(space.sigmas(space.theta(ordered)), ordered, rtol=1e-2)


# DMN


@dataclass(frozen=True)
class ExactMultistep(Sampler):
    """The multistep solver that DMN's bound is of: D a polynomial in λ through up to three points."""

    name = "exact-multistep"

    def __call__(self, denoise: Any, x: Any, grid: Any, noise: Any) -> Any:
        sigmas, known = grid.sigmas, []
        nodes, weights = np.polynomial.legendre.leggauss(40)
        for i in range(len(sigmas) - 1):
            known.insert(0, denoise(x, sigmas[i]))
            points = -np.log(sigmas[i::-1][: min(i + 1, 3, len(sigmas) - i)])
            start, end = -math.log(sigmas[i]), -math.log(sigmas[i + 1])
            at = start + (end - start) * (nodes + 1) / 2
            x = x * (sigmas[i + 1] / sigmas[i])
            for j, point in enumerate(points):
                others = np.delete(points, j)[:, None]
                basis = np.prod((at - others) / (point - others), axis=0)
                x = x + known[j] * (sigmas[i + 1] * float(weights @ (basis * np.exp(at))) * (end - start) / 2)
            yield x
