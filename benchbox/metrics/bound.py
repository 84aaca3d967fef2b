"""The variational bound of DDPM, term by term."""

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
from benchbox.model import Model
from benchbox.schedule import Schedule
from benchbox.variance import require_learned_variance

if TYPE_CHECKING:
    from benchbox.denoiser import Denoiser

ERROR_GROUPS = 16
"""Groups of data, each with its own random levels, since a denoiser takes one level per call."""


@dataclass(frozen=True)
class VariationalBound(OnData):
    """The variational bound on the bits per dimension of data under the model (Ho et al. 2020, eq. 5), term by term.

    `vlb` = `vlb_lt` + `vlb_diffusion` + `vlb_l0`: L_T, L_1 + … + L_{T−1} and L_0, each with its standard error
    (`vlb_std` …) over the data, the noise and the levels. The metric measures the model on all T levels of a discrete
    schedule, or on the levels of the run's grid; the samples are not used.

    data, key, labels, samples: the data, as for bpd. levels: number of levels at which terms are evaluated per datum,
    drawn in proportion to their share of the sum (T or more: all levels). variance: of the reverse steps, small
    (β̃, of the posterior), large (β) or learned (between the two, by the network: Nichol & Dhariwal 2021, eq. 15; this
    is their bits per dimension). L_0 integrates the decoder over the interval of a pixel value (eq. 13); for
    draws it is based on a density and may be negative.
    """

    name = "vlb"
    levels: int = 32
    variance: Literal["small", "large", "learned"] = "small"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels < 1:
            raise ValueError("levels must be at least 1.")

    def check(self, model: Model) -> None:
        super().check(model)
        if self.variance == "learned":
            require_learned_variance(model)

    def start(self, context: Context) -> OfModel:
        return OfModel(partial(bound, self, context.denoiser, all_levels(context.schedule, context.grid)))


def all_levels(schedule: Schedule, grid: Levels) -> Levels:
    """The T levels of a discrete schedule; the levels of the grid for a continuous schedule."""
    if schedule.steps is None:
        return grid
    times = np.arange(schedule.steps, 0, -1) / schedule.steps
    return Levels(schedule, tuple(times.tolist()), tuple(np.asarray(schedule.sigma(times)).tolist()))


@lru_cache(maxsize=2)
def bound(metric: VariationalBound, denoiser: Denoiser, levels: Levels) -> Columns:
    """The columns. They are cached because they are the same for all samplers of a sweep."""
    denoise = copy.copy(denoiser)
    denoise.reset()
    data = metric.read(denoise.model)
    return bound_estimate(Terms(denoise, levels, data, metric.levels, metric.variance), np.random.default_rng(1))


def bound_estimate(terms: Terms, rng: np.random.Generator) -> Columns:
    """Mean of each term over the data in bits per dimension, with its standard error."""
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
    """Standard error of the mean over two or more independent groups, weighted by size."""
    residuals = sizes * (values - np.average(values, weights=sizes))
    return float(np.sqrt(np.square(residuals).sum() * len(values) / (len(values) - 1)) / sizes.sum())
