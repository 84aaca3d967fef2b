"""Levels through the jumps of a guided denoiser, and runs that start anew there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import benchbox
from benchbox.bench.sweep import Request, expand
from benchbox.driver import pieces, trajectory
from benchbox.exact.guided_budgets import Costless
from benchbox.grid import BESIDE, Levels
from benchbox.guidances.cfg import CFG
from benchbox.noise import Noise

INTERVAL = {"sigma_low": 0.19, "sigma_high": 1.61}


def cut(n: int, schedule: str = "edm", grid: str = "karras") -> Levels:
    return Levels.cut(benchbox.get("schedule", schedule), benchbox.get("grid", grid), n)


@given(st.integers(1, 40), st.lists(st.floats(1e-3, 100.0), max_size=3, unique=True), st.sampled_from(["edm", "ddpm"]))
def test_as_many_levels_go_through_the_jumps_within_their_range(n: int, jumps: list[float], schedule: str) -> None:
    plain = cut(n, schedule)
    through = plain.through(jumps)
    inside = sorted((s for s in jumps if plain.sigmas[-1] < s < plain.sigmas[0]), reverse=True)
    assert (len(through.sigmas), through.sigmas[0], through.sigmas[-1]) == (n, plain.sigmas[0], plain.sigmas[-1])
    assert all(a > b for a, b in pairwise(through.sigmas))
    assert all(a > b for a, b in pairwise(through.times))
    assert [through.sigmas[i] for i in through.jumps] == (inside if n - 2 >= len(inside) else [])
    np.testing.assert_allclose(through.schedule.sigma(np.array(through.times)), through.sigmas, rtol=1e-9)


def test_the_other_levels_stay_where_they_are() -> None:
    plain, through = cut(18), cut(18).through((0.19, 1.61))
    assert sum(a != b for a, b in zip(plain.sigmas, through.sigmas, strict=True)) == 2


def test_a_piece_ends_just_above_the_jump_at_which_the_next_begins() -> None:
    levels = cut(12).through((0.19, 1.61))
    first, inner, last = levels.pieces()
    assert (first.sigmas[-1], inner.sigmas[0]) == (1.61 * BESIDE, 1.61)
    assert (inner.sigmas[-1], last.sigmas[0]) == (0.19 * BESIDE, 0.19)
    guidance = CFG(**INTERVAL)
    assert not any(map(guidance.acts, (*first.sigmas, *last.sigmas)))
    assert all(map(guidance.acts, inner.sigmas))


@pytest.mark.parametrize(
    ("name", "options", "started"),
    [
        ("heun", {}, 3), ("ode", {"method": "dopri5"}, 3),
        ("heun", {"s_churn": 1.0}, 1), ("ddim", {}, 1), ("annealed-langevin", {}, 1),
    ],
)  # fmt: skip
def test_methods_of_order_above_1_start_anew_at_the_jumps(name: str, options: dict[str, Any], started: int) -> None:
    """The others are of order 1 with a jump, too, and may depend on the number of levels."""
    assert len(pieces(benchbox.get("sampler", name, **options), cut(12).through((0.19, 1.61)))) == started


def test_a_run_with_an_interval_asks_at_its_ends_from_both_sides() -> None:
    (cell,) = expand(Request(["heun"], [40], models=["mixture"], guidances=[CFG(3.0, **INTERVAL)], metrics=[]))
    assert {0.19, 1.61} <= set(cell.levels.sigmas)
    asked = list(visited(cell))
    assert asked.count(1.61) == asked.count(1.61 * BESIDE) == asked.count(0.19) == asked.count(0.19 * BESIDE) == 1
    assert cell.nfe_planned == sum(map(cell.guidance.cost, asked))


def visited(cell: Any) -> Iterator[float]:
    asked: list[float] = []

    def denoise(x: torch.Tensor, sigma: float) -> torch.Tensor:
        asked.append(sigma)
        return x / (1 + sigma**2)

    for _ in trajectory(cell.sampler, denoise, cell.levels, Noise(0, 0, 1, Costless().shape)):
        pass
    yield from asked


def test_only_runs_with_an_interval_have_other_streams() -> None:
    def streams(**options: float) -> str:
        (cell,) = expand(Request(["heun"], [40], models=["mixture"], guidances=[CFG(3.0, **options)], metrics=[]))
        assert bool(cell.levels.jumps) == bool(options)
        return cell.stream

    assert streams() != streams(**INTERVAL)
