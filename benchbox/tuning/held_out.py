"""Errors of grids on held-out samples, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from benchbox.grid import Grid, Levels
from benchbox.tuning.same_noise import SameNoise, Squares

RESAMPLES = 2000


@dataclass(frozen=True)
class BootstrapInterval:
    """A value with its 95 % interval (bootstrap over samples, percentiles)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class HeldOut:
    """Root mean square errors from the same noise: of the tuned levels and of grids; `ratio` is tuned over untuned.

    The samples are the same for all, and the interval of the ratio is that of paired samples.
    """

    samples: int
    seed: int
    errors: dict[str, BootstrapInterval]
    ratio: BootstrapInterval

    @property
    def ratio_high(self) -> float:
        return self.ratio.high

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compared(problem: SameNoise, sigmas: Sequence[float], grids: Mapping[str, Grid]) -> HeldOut:
    """The errors of tuned levels and of the grids, of which the first is the one to beat."""
    cell = problem.cell
    squares = {"tuned": problem.squares(sigmas)}
    for name, grid in grids.items():
        squares[name] = problem.squares(Levels.cut(cell.schedule, grid, cell.n_levels).sigmas)
    tuned, untuned = squares["tuned"], squares[next(iter(grids))]
    errors = {name: interval((values,), root_mean_square) for name, values in squares.items()}
    ratio = interval((tuned, untuned), lambda a, b, axis: root_mean_square(a, axis) / root_mean_square(b, axis))
    return HeldOut(problem.solution.n, problem.solution.cell.seed, errors, ratio)


def root_mean_square(squares: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    return np.sqrt(squares.mean(axis))


def interval(data: tuple[Squares, ...], statistic: Any) -> BootstrapInterval:
    """A statistic of samples, which are paired where there are two lists of them."""
    value = float(statistic(*data, axis=-1))
    if not np.isfinite(value) or len(data[0]) < 2:
        return BootstrapInterval(value, value, value)
    made = bootstrap(
        data, statistic, n_resamples=RESAMPLES, paired=len(data) > 1, vectorized=True, method="percentile", rng=0
    )
    return BootstrapInterval(value, float(made.confidence_interval.low), float(made.confidence_interval.high))
