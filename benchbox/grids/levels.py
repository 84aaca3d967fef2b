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
    aliases = ("normal",)  # in ComfyUI

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
    aliases = ("exponential",)  # in k-diffusion, ComfyUI and A1111

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


@dataclass(frozen=True)
class Shifted(Grid):
    """Equal steps in the time u of a flow, then σ = shift · u/(1 − u) (Esser et al. 2024, arXiv:2403.03206, eq. 23).

    In the flow's own time that is t = shift u/(1 + (shift − 1) u): a shift multiplies σ. The shift of Stable Diffusion
    3 is 3; FLUX's depends on the number n of tokens, shift = exp(μ(n)). trailing: u ends at 1/N of its start, as in
    FLUX's pipeline; otherwise at the least level.
    """

    name = "shifted"
    shift: float = 1.0
    trailing: bool = False

    def __post_init__(self) -> None:
        if not self.shift > 0:
            raise ValueError("shift must be above 0.")

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        first, last = (sigma / (self.shift + sigma) for sigma in self.sigmas(schedule))
        u = np.linspace(first, max(first / n_levels, last) if self.trailing else last, n_levels)
        top, least = self.ends(schedule)
        return np.clip(np.asarray(schedule.time(self.shift * u / (1 - u))), least, top)


@dataclass(frozen=True)
class KarrasOpen(Karras):
    """Karras's levels without the last one, for models that jump: each level starts a jump, and none the end.

    With n levels: the first n of n + 1 from sigma_max to sigma_min, as the levels of consistency models (Song et al.
    2023, arXiv:2303.01469, app. C). A larger rho puts the inner ones lower: on edm the second of two is 2.5 with
    rho = 7, and 1.1 with 14. The authors' search found 1.4 on ImageNet-64.
    """

    name = "karras-open"
    rho: float = 14.0

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        return super().__call__(schedule, n_levels + 1)[:-1]
