"""Grids with equal steps in t, √t, ln σ or σ^(1/ρ)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchbox.grid import Grid
from benchbox.schedule import Schedule


@dataclass(frozen=True)
class Uniform(Grid):
    """Equal steps in t from t_max to t_min (Song et al. 2021, arXiv:2011.13456, app. D)."""

    name = "uniform"

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        return np.linspace(*self.ends(schedule), n_levels)


@dataclass(frozen=True)
class Quadratic(Grid):
    """Equal steps in √t (Song, Meng & Ermon 2021, arXiv:2010.02502, app. D.2).

    reach: the first level is at reach · t_max; 0.8 as in the DDIM repository.
    """

    name = "quadratic"
    reach: float = 1.0

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        first, last = self.ends(schedule)
        return np.square(np.linspace(np.sqrt(self.reach * first), np.sqrt(last), n_levels))


@dataclass(frozen=True)
class LogSNR(Grid):
    """Equal steps in ln σ, so in the log-SNR (DPM-Solver, Lu et al. 2022, arXiv:2206.00927, §3.3)."""

    name = "logsnr"

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        first, last = self.sigmas(schedule)
        return np.asarray(schedule.time(np.geomspace(first, last, n_levels)))


@dataclass(frozen=True)
class Karras(Grid):
    """Equal steps in σ^(1/ρ) (Karras et al. 2022, arXiv:2206.00364, eq. 5)."""

    name = "karras"
    rho: float = 7.0

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        first, last = self.sigmas(schedule)
        root = np.linspace(first ** (1 / self.rho), last ** (1 / self.rho), n_levels)
        return np.asarray(schedule.time(root**self.rho))
