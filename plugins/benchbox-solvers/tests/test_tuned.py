"""Levels that `benchbox tune` finds for the solvers, against every named grid, by W2 to the data on other samples.

`docs/tuned_w2.py` prints the gains of four samplers at all budgets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from benchbox.bench.cell import Cell
from benchbox.bench.request import Request
from benchbox.bench.sweep import expand
from benchbox.exact.law import noised, propagate
from benchbox.tuning.fine import FineSolution
from benchbox.tuning.same_noise import SameNoise, levels_of, sigmas_of
from benchbox.tuning.tuner import Tuner


def w2(cell: Cell, sigmas: Sequence[float], held_out: FineSolution) -> float:
    """Gaussian data: by formula. A mixture: the optimal assignment to exact samples."""
    if cell.model.name == "gaussian":
        law = propagate(cell.sampler, cell.model, levels_of(cell.schedule, sigmas), "denoise")  # type: ignore[arg-type]
        return law.w2(noised(cell.model, 0))  # type: ignore[arg-type]
    return math.sqrt(math.prod(cell.model.shape) * SameNoise(cell, held_out).squares(sigmas).mean())


@pytest.mark.parametrize(
    ("model", "samplers", "budgets", "samples"),
    [("gaussian", ["dpm-solver++2m", "unipc", "ipndm"], [5, 6, 8, 10], 64), ("mixture", ["unipc"], [8], 256)],
)
def test_searched_levels_beat_every_named_grid_in_w2(
    model: str, samplers: list[str], budgets: list[int], samples: int
) -> None:
    cells = expand(Request(samplers, budgets, [model], metrics=[]))
    held_out = FineSolution(replace(cells[0], seed=101), 0, 400)
    tune = Tuner(cells, "search", samples, calls=60)
    for outcome in tune:
        cell = outcome.cell
        named = min(w2(cell, sigmas_of(grid, cell), held_out) for grid in tune.named(cell))
        assert w2(cell, outcome.tuned.sigmas, held_out) < named
