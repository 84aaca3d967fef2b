"""What a budget buys: levels, evaluations of the denoiser, and evaluations of the network below a guidance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import least_nfe, plan_levels, planned_nfe, trajectory
from benchbox.errors import UsageError
from benchbox.grid import Grid, Levels
from benchbox.guidance import Guidance
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

PROBE_SIDE = 4
"""Of the samples on which the levels that a sampler asks for are found."""


@dataclass(frozen=True)
class GuidedBudgets:
    """The arithmetic of budgets for one sampler under one guidance.

    A guidance may cost more at one level than at another: the sampler is walked once, without a network, to see at
    which levels it asks.
    """

    sampler: Sampler
    guidance: Guidance | None
    model: Model
    schedule: Schedule
    grid: Grid
    final: str

    def calls(self, n_levels: int) -> int:
        """The evaluations of the denoiser, guided or not, on n levels."""
        return planned_nfe(self.sampler, n_levels, self.final)

    def network(self, n_levels: int) -> int:
        """The evaluations of all networks on n levels. UsageError where the levels cannot be cut."""
        calls = self.calls(n_levels)
        if self.guidance is None:
            return calls
        sigmas = Levels.cut(self.schedule, self.grid, n_levels).sigmas
        asked = visited(self, n_levels)
        if len(asked) != calls:  # it claims something else, which the run will show
            return calls * max(map(self.guidance.cost, sigmas))
        return sum(map(self.guidance.cost, asked))

    def least(self) -> int:
        """The least budget, in evaluations of all networks, that buys a run."""
        return least_nfe(self.sampler, self.final) if self.guidance is None else self.network(1) or 1

    def levels(self, nfe: int) -> int:
        """The number of levels that so many evaluations of all networks buy; 0 where they buy nothing."""
        if self.guidance is None:
            return plan_levels(self.sampler, nfe, self.final)
        if self.network(1) > nfe:
            return 0
        low, high = 1, max(plan_levels(self.sampler, nfe, self.final), 1) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._fits(middle, nfe) else (low, middle)
        return low

    def _fits(self, n_levels: int, nfe: int) -> bool:
        """Whether n levels can be cut and cost no more than nfe."""
        try:
            return self.network(n_levels) <= nfe
        except UsageError:
            return False


class Recorder:
    """Stands for a denoiser, D = x/(1 + σ²), and writes down the levels that it is asked at."""

    def __init__(self, model: Model) -> None:
        self.model, self.device, self.sigmas = model, torch.device("cpu"), list[float]()

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.sigmas.append(sigma)
        return x / (1 + sigma**2)

    def vjp(self, x: Tensor, sigma: float, v: Tensor) -> tuple[Tensor, Tensor]:
        return self(x, sigma), v / (1 + sigma**2)


@lru_cache(maxsize=1024)
def visited(budgets: GuidedBudgets, n_levels: int) -> tuple[float, ...]:
    """The levels at which the sampler asks the denoiser on n levels; none where it cannot be walked so."""
    recorder = Recorder(budgets.model)
    shape = tuple(min(side, PROBE_SIDE) for side in budgets.model.shape)
    levels = Levels.cut(budgets.schedule, budgets.grid, n_levels)
    try:
        walk: Any = trajectory(
            budgets.sampler, cast(Denoiser, recorder), levels, Noise(0, 0, 1, shape, block=1), budgets.final
        )
        for _ in walk:
            pass
    except Exception:  # its own run says what is wrong with it
        return ()
    return tuple(recorder.sigmas)
