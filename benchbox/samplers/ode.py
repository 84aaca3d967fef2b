"""The probability-flow ODE, by any solver of torchdiffeq."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise

RUNGE_KUTTA = {"euler": 1, "midpoint": 2, "heun2": 2, "heun3": 3, "rk4": 4, "rk4_classic": 4}
ORDERS = RUNGE_KUTTA | {"explicit_adams": 3, "implicit_adams": 4}
MULTISTEP_EVALS = {"explicit_adams": 1, "implicit_adams": 2}
ADAMS = {"max_order": 4}

Slope = Callable[[Any, "Tensor"], "Tensor"]
"""(t, y) to dy/dt."""


@dataclass(frozen=True)
class ODE(Sampler):
    """The probability-flow ODE (Song et al. 2021, eq. 13) by a solver of torchdiffeq (Chen 2018).

    frame sigma: dx/dσ = (x − D)/σ; a schedule (None: the run's): dy/dt of y = s x. Fixed-step methods take the levels
    as their steps. explicit_adams and implicit_adams (one corrector iteration, after two steps of rk4) hold only for
    equal steps in the frame's time. Adaptive methods (dopri5 …) follow rtol and atol, with one error norm for a block.
    rk4 is torchdiffeq's, the 3/8 rule; rk4_classic is Kutta's own (1901), coded here.
    torchdiffeq keeps its time on the device, so on a GPU each evaluation waits for it.
    """

    name = "ode"
    grid = "karras"
    method: Literal[
        "euler", "midpoint", "heun2", "heun3", "rk4", "rk4_classic", "explicit_adams", "implicit_adams",
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

    @property
    def evals_per_step(self) -> int | None:
        return MULTISTEP_EVALS.get(self.method, ORDERS.get(self.method))

    def evals(self, n_levels: int) -> int:
        if self.method not in MULTISTEP_EVALS:
            return super().evals(n_levels)
        rk4 = min(2, n_levels - 1)
        return 4 * rk4 + MULTISTEP_EVALS[self.method] * (n_levels - 1 - rk4)

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        slope, times, scales = self.problem(denoise, grid)
        y = x * scales[0]
        if self.method in MULTISTEP_EVALS:
            steps = [a - b for a, b in pairwise(times)]
            if any(not math.isclose(h, steps[0], rel_tol=1e-6) for h in steps):
                raise ValueError(
                    f"{self.method} needs equal steps in the frame's time: try --grid uniform --set ode.frame=none"
                )
        if self.method in RUNGE_KUTTA:
            for t_pair, s in zip(pairwise(times), scales[1:], strict=True):
                y = self.solve(slope, y, t_pair)[-1]
                yield y / s
        else:
            yield from (y / s for y, s in zip(self.solve(slope, y, times)[1:], scales[1:], strict=True))

    def solve(self, slope: Slope, y: Tensor, times: tuple[float, ...]) -> Tensor:
        """The states at the times, the first included."""
        import torch
        from torchdiffeq import odeint

        if not y.numel():
            return y.expand(len(times), *y.shape)
        if self.method == "rk4_classic":
            return torch.stack([y, y + classic(slope, y, *times)])
        t = torch.tensor(times, dtype=torch.float64, device=y.device)
        adams = self.method in MULTISTEP_EVALS
        # a tolerance that is always met: the implicit method's corrector runs once, so its cost is known
        tolerances = {"rtol": 0.0, "atol": 1e30} if adams else {"rtol": self.rtol, "atol": self.atol}
        options: dict[str, Any] = {"solver": "RK45"} if self.method == "scipy_solver" else ADAMS if adams else {}
        if self.evals_per_step is None and self.method != "scipy_solver":
            options = {"step_t": t[-1:]}  # a step beyond the last level would ask the model for a negative σ
        states: Tensor = odeint(slope, y, t, method=self.method, options=options, **tolerances)
        return states.to(y)

    def problem(self, denoise: Denoiser, grid: Levels) -> tuple[Slope, tuple[float, ...], tuple[float, ...]]:
        """dy/dt, and the times and scales of the levels."""
        if self.frame == "sigma":
            return lambda t, x: (x - denoise(x, float(t))) / float(t), grid.sigmas, (1.0,) * len(grid.sigmas)
        frame = grid.in_frame(self.frame)

        def slope(t: Tensor | float, y: Tensor) -> Tensor:
            """f y − ½ g² score_y = f y + s σ' (x − D)/σ, x = y/s."""
            schedule, now = frame.schedule, float(t)
            s, sigma, dsigma = float(schedule.scale(now)), float(schedule.sigma(now)), float(schedule.dsigma(now))
            x = y / s
            return y * float(schedule.dlog_scale(now)) + (x - denoise(x, sigma)) * (s * dsigma / sigma)

        return slope, frame.times, frame.scales


def classic(slope: Slope, y: Tensor, t: float, t_next: float) -> Tensor:
    """The increment of the classical Runge–Kutta method (Kutta 1901)."""
    h = t_next - t
    k1 = slope(t, y)
    k2 = slope(t + h / 2, y + h / 2 * k1)
    k3 = slope(t + h / 2, y + h / 2 * k2)
    k4 = slope(t_next, y + h * k3)
    return h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
