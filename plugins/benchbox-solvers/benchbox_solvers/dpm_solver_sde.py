"""DPM-Solver++ on the reverse SDE: SDE, 2M SDE and 3M SDE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from benchbox import ancestral_step
from benchbox_solvers.adams import orders
from benchbox_solvers.dpm_solver_pp import SolverType, multistep
from benchbox_solvers.stochastic import Stochastic

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox_solvers.types import Denoise, Noise


@dataclass(frozen=True)
class DPMSolverPPSDE(Stochastic):
    """DPM-Solver++ SDE, singlestep, r = ½ (Lu et al. 2022b, arXiv:2211.01095; k-diffusion, sample_dpmpp_sde): 2S whose
    two steps each end with noise.

    The noise of an interval is composed of that of its halves, as in the solution of the SDE.
    """

    name = "dpm-solver++sde"
    aliases = ("dpmpp-sde",)
    grid = "karras"
    order = 2
    evals_per_step = 2

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            middle = sqrt(sigma * sigma_next)
            sigma_down, sigma_up = ancestral_step(sigma, middle, self.eta)
            u = denoise(x, sigma).lerp(x, sigma_down / sigma)
            if sigma_up > 0:
                z_1, z_2 = noise(sigma, middle), noise(middle, sigma_next)
                u.add_(z_1, alpha=self.s_noise * sigma_up)
            sigma_down, sigma_up = ancestral_step(sigma, sigma_next, self.eta)
            x = denoise(u, middle).lerp(x, sigma_down / sigma)
            if sigma_up > 0:
                of_1, of_2 = sqrt(sigma_next / (sigma + sigma_next)), sqrt(sigma / (sigma + sigma_next))
                x.add_(z_1, alpha=self.s_noise * sigma_up * of_1).add_(z_2, alpha=self.s_noise * sigma_up * of_2)
            yield x


@dataclass(frozen=True)
class DPMSolverPP2MSDE(Stochastic):
    """SDE-DPM-Solver++(2M) (Lu et al. 2022b, arXiv:2211.01095).

    Noise η is as in k-diffusion, sample_dpmpp_2m_sde; η = 0 is 2M.
    """

    name = "dpm-solver++2m-sde"
    aliases = ("dpmpp-2m-sde",)
    grid = "logsnr"
    order = 2
    solver_type: SolverType = "midpoint"

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        order = orders(2, len(grid.sigmas))
        return multistep(denoise, x, grid, noise, order, self.solver_type, self.eta, self.s_noise)


@dataclass(frozen=True)
class DPMSolverPP3MSDE(Stochastic):
    """SDE-DPM-Solver++(3M) (Lu et al. 2022b, arXiv:2211.01095; k-diffusion, sample_dpmpp_3m_sde); η = 0 is 3M with
    solver_type heun."""

    name = "dpm-solver++3m-sde"
    aliases = ("dpmpp-3m-sde",)
    grid = "logsnr"
    order = 2
    solver_type: SolverType = "heun"

    def __call__(self, denoise: Denoise, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        order = orders(3, len(grid.sigmas))
        return multistep(denoise, x, grid, noise, order, self.solver_type, self.eta, self.s_noise)
