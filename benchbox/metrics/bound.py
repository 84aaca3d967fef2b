"""The variational bound of the DDPM texts, term by term."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from benchbox.grid import Levels
from benchbox.metric import Context
from benchbox.metrics.data import Columns, OfModel, OnData
from benchbox.metrics.terms import Terms
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from benchbox.denoiser import Denoiser

ERROR_GROUPS = 16
"""Groups of data, each with random levels of its own: a denoiser takes one level at a time."""


@dataclass(frozen=True)
class VariationalBound(OnData):
    """The variational bound on the bits per dimension of data under the model (Ho et al. 2020, eq. 5), term by term.

    `vlb` = `vlb_lt` + `vlb_diffusion` + `vlb_l0`: L_T, L_1 + … + L_{T−1} and L_0, each with its standard error
    (`vlb_std` …) over the data, their noise and the levels. It measures the model, and not the samples of the run, on
    all T levels of a discrete schedule, or else on those of the run's grid.

    data, key, labels, samples: the data, as for bpd. levels: at how many of them the terms are evaluated for each
    datum, drawn in proportion to their part in the sum (all, where it is T or more). variance: of the reverse steps,
    small (the posterior's, β̃) or large (β). L_0 is that of the decoder that integrates over a pixel's cell (eq. 13), or
    of a density where the data are draws.
    """

    name = "vlb"
    levels: int = 32
    variance: Literal["small", "large"] = "small"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels < 1:
            raise ValueError("levels must be at least 1.")

    def start(self, context: Context) -> OfModel:
        return OfModel(partial(bound, self, context.denoiser, all_levels(context.schedule, context.grid)))


def all_levels(schedule: Schedule, grid: Levels) -> Levels:
    """The T levels of a discrete schedule; those of the grid where the schedule is continuous."""
    if schedule.steps is None:
        return grid
    times = np.arange(schedule.steps, 0, -1) / schedule.steps
    return Levels(schedule, tuple(times.tolist()), tuple(np.asarray(schedule.sigma(times)).tolist()))


@lru_cache(maxsize=2)
def bound(metric: VariationalBound, denoiser: Denoiser, levels: Levels) -> Columns:
    """The columns; kept, since every cell of a sweep over samplers asks for the same."""
    denoise = copy.copy(denoiser)
    denoise.reset()
    data = metric.read(denoise.model)
    return bound_estimate(Terms(denoise, levels, data, metric.levels, metric.variance), np.random.default_rng(1))


def bound_estimate(terms: Terms, rng: np.random.Generator) -> Columns:
    """The mean of each term over the data in bits per dimension, and its standard error."""
    import torch

    n = len(terms.data.x0)
    groups = np.array_split(np.arange(n), min(ERROR_GROUPS, n))
    with torch.inference_mode():
        nats = np.array([terms(group, rng) for group in groups])
    bits, sizes = nats / (terms.data.dim * math.log(2)), np.array([len(group) for group in groups])
    columns: Columns = {}
    for name, values in zip(("vlb", "vlb_lt", "vlb_diffusion", "vlb_l0"), (bits.sum(1), *bits.T), strict=True):
        columns[name] = float(np.average(values, weights=sizes))
        columns[f"{name}_std"] = error_of_mean(values, sizes)
    return columns


def error_of_mean(values: NDArray[np.float64], sizes: NDArray[np.int64]) -> float:
    """Standard error of the mean of two or more independent groups, weighted by their sizes."""
    rest = sizes * (values - np.average(values, weights=sizes))
    return float(np.sqrt(np.square(rest).sum() * len(values) / (len(values) - 1)) / sizes.sum())
