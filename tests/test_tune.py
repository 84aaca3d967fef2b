"""Tuned levels: exact dynamic programming, gains on exact laws, files, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
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

from benchbox import get, load_results
from benchbox.bench.cell import Cell
from benchbox.bench.request import Request
from benchbox.bench.rerun import rebuild
from benchbox.bench.sweep import expand
from benchbox.exact.law import noised, propagate
from benchbox.grid import stretched
from benchbox.metrics.ode_solution import solution
from benchbox.options import describe
from benchbox.sampler import Sampler
from benchbox.store.store import Store
from benchbox.tuned import read_tuned
from benchbox.tuning.dmn import dmn_levels, error_bound
from benchbox.tuning.dp import cheapest_paths
from benchbox.tuning.fine import FineSolution
from benchbox.tuning.job import TuningJob
from benchbox.tuning.journal import Journal
from benchbox.tuning.same_noise import SameNoise, levels_of, sigmas_of
from benchbox.tuning.search import Coordinates
from benchbox.tuning.solver_aware import solver_aware_levels
from benchbox.tuning.tuner import Tuner

GAUSSIAN = ("--model", "gaussian", "--device", "cpu")
BUILT_IN = ("uniform", "quadratic", "logsnr", "karras", "leading", "trailing")


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
    return sum(gamma**k * float(cost[i, j]) for k, (i, j) in enumerate(pairwise(path)))


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
    held_out = [FineSolution(replace(wanted[0], seed=seed), 0, 400) for seed in (101,)]
    tune = Tuner(wanted, "dp", samples=128)
    for outcome in tune:
        cell, own = outcome.cell, exact_w2(outcome.cell, outcome.tuned.sigmas, held_out)
        gains = {g.name: exact_w2(cell, sigmas_of(g, cell), held_out) / own for g in tune.named(cell)}
        assert min(gains.values()) >= 1
        assert min(gains[name] for name in BUILT_IN) >= (1.5 if cell.nfe_requested == 5 else 1)
        assert outcome.better


def test_a_search_improves_on_dynamic_programming_and_keeps_its_budget() -> None:
    (cell,) = cells("heun", 7)
    found = {method: next(iter(Tuner([cell], method, samples=32))) for method in ("dp", "search")}
    assert found["search"].held_out.errors["tuned"].value < 0.9 * found["dp"].held_out.errors["tuned"].value
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
    ordered = [78.0, *sorted((sigma for sigma in middle if sigma < 77), reverse=True)]
    if any(a / b < 1.01 for a, b in pairwise(ordered)):
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


VP_LEVELS = (
    152.16697028394645, 61.579677865086474, 6.1310570540723335, 1.958863373314568, 0.9067122240700585,
    0.4082127380673992, 0.21256789111332522, 0.09643521021556917, 0.010485992786703324,
)  # fmt: skip
"""What the authors' code (scxue/DM-NonUniform, 95d4ac6) gives for the linear VP schedule, N = 8, truncNum = 0."""


def test_the_bound_of_dmn_is_that_of_the_authors_code() -> None:
    """Their objective there, 6.036261832251432; and no worse where this optimiser stops, from the same start."""
    vp, solver = get("schedule", "vp"), ExactMultistep()
    theirs = error_bound(solver, vp, VP_LEVELS[:-1], VP_LEVELS[-1], latent=True)
    assert theirs == pytest.approx(6.036261832251432, rel=1e-10)
    own = dmn_levels(solver, vp, 4, (VP_LEVELS[0], VP_LEVELS[-1]), latent=True)
    uniform = np.geomspace(VP_LEVELS[0], VP_LEVELS[-1], 5)[:-1]
    bounds = [error_bound(solver, vp, sigmas, VP_LEVELS[-1], latent=True) for sigmas in (own, uniform.tolist())]
    assert bounds[0] < 0.9 * bounds[1]
    assert all(a > b for a, b in pairwise([*own, VP_LEVELS[-1]]))


# files


@pytest.fixture
def tuned(benchbox: Command) -> Path:
    """A file with levels for ddim at 5 and 6 evaluations of the Gaussian."""
    done = benchbox("tune", "--sampler", "ddim", "--nfe", "5,6", *GAUSSIAN, "--samples", "32", "-o", "tuned.json")
    assert done.status == 0
    assert "wrote 2 grids to tuned.json" in done.out
    return Path("tuned.json")


def test_tuned_levels_run_under_the_name_of_their_file(benchbox: Command, tuned: Path) -> None:
    file = read_tuned(tuned)
    assert file.model == {"name": "gaussian", "options": describe(get("model", "gaussian")), "sha256": None}
    five, six = file.of("ddim")
    assert (five.nfe, five.method, five.samples, len(six.sigmas)) == (5, "dp", 32, 6)
    assert five.held_out["ratio"]["high"] < 1
    assert "levels tuned for model gaussian" in benchbox("info", "tuned.json").out

    ran = ("run", "--sampler", "ddim", "--nfe", "5", *GAUSSIAN, "--samples", "64", "--metric", "ode_error")
    benchbox(*ran, "--set", "ode_error.sigma_min=0.002", "--grid", "karras")
    done = benchbox(*ran, "--set", "ode_error.sigma_min=0.002", "--grid", "file:tuned.json")
    assert done.status == 0
    assert "tuned for" not in done.err
    rows = load_results("results").sort_values("ode_error")
    assert list(rows["grid"]) == ["file", "karras"]
    options = json.loads(rows["grid_options"].iloc[0])
    assert options == {"sigma_min": None, "sigma_max": None, "path": "tuned.json", "sampler": "ddim",
                       "evaluations": five.evaluations + six.evaluations}  # fmt: skip
    assert rebuild(
        next(row for row in Store(Path("results")).table().to_pylist() if row["grid"] == "file")
    ).levels.sigmas == pytest.approx(five.sigmas)


def test_a_board_of_recommended_levels_has_the_tuned_ones_and_their_cost(benchbox: Command, tuned: Path) -> None:
    ran = ("run", "--sampler", "ddim", "--nfe", "5", *GAUSSIAN, "--samples", "64")
    benchbox(*ran)
    benchbox(*ran, "--grid", "file:tuned.json")
    board = benchbox("leaderboard", "results").out
    assert "each sampler with its recommended schedule and grid" in board
    assert f"evaluations={sum(levels.evaluations for levels in read_tuned(tuned).levels)}" in board.replace("\n", "")
    compared = benchbox("compare", "ddim", "ddim, grid file").out
    assert "ddim, grid file" in compared


def test_levels_for_something_else_are_used_with_a_warning(tuned: Path) -> None:
    def warning(**request: Any) -> str:
        with pytest.warns(UserWarning, match=r"tuned\.json") as caught:
            expand(Request(**{"samplers": ["ddim"], "nfe": [5], "models": ["gaussian"], "metrics": [],
                              "grids": ["file:tuned.json"]} | request))  # fmt: skip
        return " ".join(str(w.message) for w in caught)

    assert "tuned for sampler ddim, not heun" in warning(samplers=["heun"], nfe=[9])
    assert "tuned for model gaussian, not mixture" in warning(models=["mixture"])
    assert "tuned for schedule edm, not vp" in warning(schedules=["vp"])
    assert "no guidance, not guidance cfg at scale 1.5" in warning(models=["mixture"], guidances=["cfg"], nfe=[10])
    assert "no 9 levels for ddim, but those tuned for 5, 6 evaluations: the nearest" in warning(nfe=[9])
    np.testing.assert_allclose(stretched([8.0, 2.0, 0.5], 5), [8, 4, 2, 1, 0.5])


def test_a_file_grows_and_an_interrupted_tuning_goes_on(benchbox: Command, tuned: Path) -> None:
    again = benchbox("tune", "--sampler", "ddim", "--nfe", "5,6,7", *GAUSSIAN, "--samples", "32", "-o", "tuned.json")
    assert "2 grids of this request are in tuned.json already" in again.err
    assert [levels.nfe for levels in read_tuned(tuned).of("ddim")] == [5, 6, 7]
    other = benchbox("tune", "--sampler", "ddim", "--nfe", "5", "--model", "mixture", "-o", "tuned.json")
    assert other.status == 2
    assert "holds levels for model gaussian" in other.err


def test_a_search_repeats_nothing_that_its_journal_holds(tmp_path: Path) -> None:
    (cell,) = cells("ddim", 5)
    path = tmp_path / "journal"
    first = Tuner([cell], "search", 16, calls=20, journal=Journal(path))
    one = next(iter(first))
    first.journal.save()
    second = Tuner([cell], "search", 16, calls=20, journal=Journal(path))
    two = next(iter(second))
    assert one.tuned.sigmas == two.tuned.sigmas
    assert first.solution.denoise.evaluations - second.solution.denoise.evaluations == pytest.approx(
        16 * 5 * len(Journal(path).values[f"{cell.id} 16"]), abs=16 * 5
    )


def test_what_is_not_better_is_not_written(benchbox: Command) -> None:
    """Levels from coefficients alone know nothing of the data."""
    done = benchbox("tune", "--sampler", "ddim", "--nfe", "6", *GAUSSIAN, "--method", "dmn", "-o", "no.json")
    assert done.status == 1
    assert "not better on held-out samples, not written" in done.out
    assert not Path("no.json").exists()


def test_a_plan_states_its_cost_before_any_work(benchbox: Command) -> None:
    plan = benchbox("tune", "--sampler", "ddim", "--nfe", "8", "-o", "x.json", "--dry-run", "--device", "cpu")
    assert "3,904" in plan.out
    (total,) = [TuningJob(Request(["ddim"], [8], metrics=[]), "dp", Path("x.json"))]
    assert total.tuner.solution.cost + total.tuner.planned(total.cells[0]) <= 16_000
    assert f"{total.planned:,}" in plan.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--sampler", "ode", "--set", "method=dopri5"), "is adaptive: it chooses its own levels"),
        (("--sampler", "ancestral"), "adds noise, so there is no solution from the same noise"),
        (("--sampler", "ode", "--nfe", "9"), "also evaluates between its levels"),
        (("--sampler", "ddim", "--nfe", "1"), "has one level with an NFE of 1"),
        (("--sampler", "heun", "--nfe", "0"), "the smallest is 1"),
        (("--sampler", "ddim", "--model", "gaussian,mixture"), "for one model, schedule and guidance"),
        (("--sampler", "ddim", "-o", "nowhere/x.json"), "there is no folder nowhere"),
        (("--sampler", "heun", "--method", "dmn"), "does not evaluate once at each of its levels"),
    ],
)
def test_a_request_that_cannot_be_tuned_gives_one_sentence(
    benchbox: Command, arguments: tuple[str, ...], sentence: str
) -> None:
    done = benchbox("tune", "--nfe", "5", "--model", "gaussian", "--samples", "4", "-o", "x.json", *arguments)
    assert done.status == 2
    assert sentence in done.sentence


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{}", 'its "format" is not'), ("nothing", "is not a file of benchbox tune"), ("", "it is empty")],
)
def test_another_file_gives_one_sentence(benchbox: Command, text: str, reason: str) -> None:
    Path("other.json").write_text(text)
    done = benchbox("run", "--sampler", "ddim", "--nfe", "5", *GAUSSIAN, "--grid", "file:other.json")
    assert done.status == 2
    assert reason in done.sentence
    assert "there is no file" in benchbox("run", "--sampler", "ddim", "--nfe", "5", "--grid", "file:no.json").sentence
