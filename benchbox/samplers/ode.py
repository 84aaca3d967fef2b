"""The probability-flow ODE, by any one-step solver of torchdiffeq."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from benchbox.sampler import Sampler, Slope, rk4
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise

ORDERS = {"euler": 1, "midpoint": 2, "heun2": 2, "heun3": 3, "rk4": 4, "rk4_classic": 4}
"""Orders of the fixed-step Runge–Kutta methods, equal to their evaluations per step."""


@dataclass(frozen=True)
class ODE(Sampler):
    """The probability-flow ODE (Song et al. 2021, arXiv:2011.13456, eq. 13) by a solver of torchdiffeq: midpoint.

    frame sigma: dx/dσ = (x − D)/σ; a schedule (None: the run's): dy/dt = f y − ½ g² score_y of y = s x. Fixed-step
    methods take the levels as their steps. Adaptive ones (dopri5 …) follow rtol and atol, with one error norm per
    block. rk4 is torchdiffeq's 3/8 rule; rk4_classic is Kutta's method (1901). torchdiffeq (Chen et al. 2018,
    arXiv:1806.07366) keeps the time on the device, so each evaluation synchronises a GPU.
    """

    name = "ode"
    grid = "karras"
    method: Literal[
        "euler", "midpoint", "heun2", "heun3", "rk4", "rk4_classic",
        "dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun", "scipy_solver",
    ] = "midpoint"  # fmt: skip
    rtol: float = 1e-3
    atol: float = 1e-4
    frame: Literal["sigma"] | Schedule | None = "sigma"

    def __post_init__(self) -> None:
        if self.rtol < 0 or self.atol < 0:
            raise ValueError("rtol and atol must not be negative.")

    @property
    def order(self) -> int | None:
        return ORDERS.get(self.method)

    evals_per_step = order

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        slope, times, scales = self.problem(denoise, grid)
        y, ends = x * scales[0], iter(scales[1:])
        for span in pairwise(times) if self.order else [times]:
            states = self.solve(slope, y, span)
            yield from (state / next(ends) for state in states[1:])
            y = states[-1]

    def problem(self, denoise: Denoiser, grid: Levels) -> tuple[Slope, tuple[float, ...], tuple[float, ...]]:
        """dy/dt, and the times and the scales of the levels."""
        if self.frame == "sigma":
            return lambda t, x: (x - denoise(x, float(t))) / float(t), grid.sigmas, (1.0,) * len(grid.sigmas)
        frame = grid.in_frame(self.frame)

        def slope(t: Tensor | float, y: Tensor) -> Tensor:
            """f y − ½ g² score_y = f y + s σ' (x − D)/σ, x = y/s."""
            schedule, t = frame.schedule, float(t)
            s, f = float(schedule.scale(t)), float(schedule.dlog_scale(t))
            sigma, dsigma = float(schedule.sigma(t)), float(schedule.dsigma(t))
            x = y / s
            return y * f + (x - denoise(x, sigma)) * (s * dsigma / sigma)

        return slope, frame.times, frame.scales

    def solve(self, slope: Slope, y: Tensor, times: tuple[float, ...]) -> Tensor:
        """The states at all times, including the first."""
        import torch
        from torchdiffeq import odeint

        if not y.numel():
            return y.expand(len(times), *y.shape)
        if self.method == "rk4_classic":
            return torch.stack([y, rk4(slope, y, *times)])
        t = torch.tensor(times, dtype=torch.float64, device=y.device)
        # without step_t, an adaptive step beyond the last level could evaluate the model at a negative σ
        options = {"solver": "RK45"} if self.method == "scipy_solver" else {} if self.order else {"step_t": t[-1:]}
        return odeint(slope, y, t, rtol=self.rtol, atol=self.atol, method=self.method, options=options).to(y)
