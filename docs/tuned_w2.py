"""The table of exact laws in docs/tune.md: python docs/tuned_w2.py

W2 to the data of the best named grid over that of the levels found by `search`, on other samples than those that the
levels were chosen on. Gaussian data: by formula. A mixture: the optimal assignment to 400 exact samples. Needs
benchbox-solvers. The last line: of `ddim` at 5 evaluations, the least W2 that any levels have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

import benchbox
from benchbox.bench.cell import Cell
from benchbox.bench.request import Request
from benchbox.bench.sweep import expand
from benchbox.exact.law import noised, propagate
from benchbox.tuning.fine import FineSolution
from benchbox.tuning.same_noise import SameNoise, levels_of, sigmas_of
from benchbox.tuning.search import searched_levels
from benchbox.tuning.tuner import Tuner

SAMPLERS, BUDGETS = ("ddim", "dpm-solver++2m", "unipc", "ipndm"), (5, 6, 8, 10)
SAMPLES, CALLS = 256, 150
OWN = ("uniform", "quadratic", "logsnr", "karras", "karras-open", "shifted", "leading", "trailing")
STARTS = 4

W2 = Callable[[Sequence[float]], float]


def distance(cell: Cell, seed: int, samples: int) -> W2:
    """W2 to the data as a function of the levels."""
    if cell.model.name == "gaussian":
        return lambda sigmas: propagate(
            cell.sampler, cell.model, levels_of(cell.schedule, sigmas), "denoise",  # type: ignore[arg-type]
        ).w2(noised(cell.model, 0))  # type: ignore[arg-type]  # fmt: skip
    problem = SameNoise(cell, FineSolution(replace(cell, seed=seed), 0, samples))
    return lambda sigmas: math.sqrt(math.prod(cell.model.shape) * problem.squares(sigmas).mean())


def gains(model: str) -> None:
    """A line for each sampler: the gain over all named grids, and over those of benchbox itself."""
    for sampler in SAMPLERS:
        cells = expand(Request([sampler], BUDGETS, [model], metrics=[]))
        tune = Tuner(cells, "search", SAMPLES, CALLS)
        over_all, over_own = [], []
        for outcome in tune:
            cell = outcome.cell
            w2 = distance(cell, 101, 400)
            named = {grid.name: w2(sigmas_of(grid, cell)) for grid in tune.named(cell)}
            own = w2(outcome.tuned.sigmas)
            over_all.append(f"{min(named.values()) / own:.2f} {min(named, key=lambda name: named[name])}")
            over_own.append(f"{min(named[name] for name in OWN) / own:.2f}")
        print(f"| {model} | `{sampler}` | {', '.join(over_all)} | {', '.join(over_own)} |", flush=True)


def least(model: str) -> None:
    """The least W2 of `ddim` at 5 evaluations, searched from some grids and from random levels."""
    (cell,) = expand(Request(["ddim"], [5], [model], metrics=[]))
    known, other = distance(cell, 0, 512), distance(cell, 101, 1000)
    random = np.exp(np.random.default_rng(0).uniform(math.log(0.05), math.log(60), (STARTS, cell.n_levels)))
    ays = sigmas_of(benchbox.get("grid", "ays-sd15"), cell)
    starts = [ays, *np.sort(random)[:, ::-1].tolist()]
    found = [searched_levels(known, [start], (80.0, 0.002), 300) for start in starts]
    best = min(found, key=known)
    agree = sum(known(sigmas) < 1.001 * known(best) for sigmas in found)
    print(f"{model}: ays-sd15 {other(ays):.4f}, least {other(best):.4f} at {np.round(best, 2)}, from {agree} starts")


if __name__ == "__main__":
    for data in ("gaussian", "mixture"):
        gains(data)
        least(data)
