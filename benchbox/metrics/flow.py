"""The density of a model by the probability-flow ODE."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from benchbox.metrics.data import state_dtype
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser

FIXED = ("rk4", "midpoint")
"""Methods with fixed steps."""

FIRST_STEP = 0.1
"""First step of adaptive methods in ln σ. torchdiffeq's choice is far too long where D(x, σ) ≈ x."""


class SolverOptions(Protocol):
    @property
    def probe_seed(self) -> int: ...

    @property
    def method(self) -> str: ...

    @property
    def tolerance(self) -> float | None: ...

    @property
    def steps(self) -> int: ...


class Solver:
    """−log p(x) in nats for a batch of data, (batch, *shape) to (batch, max(probes, 1)).

    In u = ln σ the flow is dx/du = x − D(x, σ), so that d log p/du = tr ∂D/∂x − dim along a path (Chen et al. 2018,
    thm 1). At the largest level p is N(0, S²), the law of the start of a run in canonical coordinates x = y/s; S
    includes the log-determinant dim·ln s of the scale. The state is float64 for any dtype of the network.
    """

    def __init__(self, denoise: Denoiser, schedule: Schedule, probes: int, settings: SolverOptions) -> None:
        import torch

        self.denoise, self.probes, self.settings = denoise, probes, settings
        ends = (float(schedule.sigma(t)) for t in (schedule.t_min, schedule.t_max))
        self.low, self.high = (min(max(sigma, denoise.low), denoise.high) for sigma in ends)
        self.start_std = float(schedule.start_std(schedule.time(self.high)))
        self.dtype = state_dtype(denoise)
        self.tolerance = settings.tolerance or (1e-8 if self.dtype == torch.float64 else 1e-4)
        self.generator = torch.Generator().manual_seed(settings.probe_seed)

    def __call__(self, x: Tensor, labels: Tensor | None) -> Tensor:
        import torch
        from torchdiffeq import odeint

        vectors = self.vectors(x)
        count, device = vectors.shape[1], self.denoise.device
        self.denoise.conditions = {} if labels is None else {"label": labels.to(device).repeat_interleave(count)}
        times = self.times()
        options: dict[str, Any] = {}
        if self.settings.method not in FIXED:  # step_t prevents a step beyond the largest level
            options = {"step_t": times[-1:], "first_step": FIRST_STEP}
        start = x.to(device), torch.zeros(vectors.shape[:2], dtype=x.dtype, device=device)
        states = odeint(
            partial(self.slope, vectors), start, times, rtol=self.tolerance, atol=self.tolerance,
            method=self.settings.method, options=options,
        )  # fmt: skip
        x, log_ratio = (state[-1] for state in states)
        if self.probes == 0:
            log_ratio = log_ratio.sum(1, keepdim=True)
        square = x.flatten(1).square().sum(1, keepdim=True) / self.start_std**2
        dim = x[0].numel()
        return square / 2 + dim / 2 * math.log(2 * math.pi * self.start_std**2) - log_ratio

    def times(self) -> Tensor:
        """Increasing ln σ: the two ends, or all steps of a fixed-step method."""
        import torch

        count = self.settings.steps + 1 if self.settings.method in FIXED else 2
        ends = math.log(self.low), math.log(self.high)
        return torch.linspace(*ends, count, dtype=torch.float64, device=self.denoise.device)

    def vectors(self, x: Tensor) -> Tensor:
        """The v of vᵀ(∂D/∂x)v, (batch, count, *shape): random probes, or all axes for an exact trace."""
        import torch

        if self.probes == 0:
            axes = torch.eye(x[0].numel(), dtype=self.dtype).view(-1, *x.shape[1:])
            vectors = axes.expand(len(x), *axes.shape)
        else:
            signs = torch.randint(2, (len(x), self.probes, *x.shape[1:]), generator=self.generator)
            vectors = signs.to(self.dtype) * 2 - 1
        return vectors.to(self.denoise.device)

    def slope(self, vectors: Tensor, t: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """dx/du and −d log p/du: dim − vᵀ(∂D/∂x)v for each probe, or 1 − eᵀ(∂D/∂x)e for each axis."""
        x, count = state[0], vectors.shape[1]
        v = vectors.flatten(0, 1)
        rows = x.to(self.dtype).repeat_interleave(count, dim=0)
        denoised, gradient = self.denoise.vjp(rows, math.exp(float(t)), v)
        traces = (gradient * v).flatten(1).sum(1).view(-1, count).to(x.dtype)
        return x - denoised[::count].to(x.dtype), v.flatten(1).square().sum(1).view(-1, count).to(x.dtype) - traces
