"""Whether the evaluations that are planned for a budget under a guidance are those that a run spends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from benchbox.bench.budget import GuidedBudgets
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.grid import Levels
from benchbox.guidance import Guidance, Guided
from benchbox.models.analytic import Analytic
from benchbox.noise import Noise
from benchbox.registry import get
from benchbox.sampler import Sampler

Spent = tuple[float, float]
"""Evaluations per sample of all networks, and of the guided denoiser."""


@dataclass(frozen=True)
class Costless(Analytic):
    """D = x/(1 + σ²) of two classes, and a classifier: all that a guidance can ask for, at no cost."""

    name = "costless"

    @property
    def shape(self) -> tuple[int, ...]:
        return (2,)

    @property
    def classes(self) -> int:
        return 2

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        return {"label": index % 2}

    def unconditional(self, index: Tensor) -> dict[str, Tensor]:
        return {"label": index * 0 + 2}

    def denoiser(self, device: Any) -> Callable[..., Tensor]:
        return lambda x, sigma, label=None: x / (1 + sigma**2)

    def classifier(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        return lambda x, sigma: -x


class Together:
    """Stands for a denoiser under several guidances: each is asked, and counted by its own denoiser."""

    def __init__(self, guidances: Sequence[Guidance], levels: Levels) -> None:
        self.model, self.device = Costless(), torch.device("cpu")
        self.guided = [Guided(guidance, Denoiser(self.model, self.device), levels) for guidance in guidances]
        for guided in self.guided:
            guided.base.at(torch.arange(2))

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        answers = [guided(x, sigma) for guided in self.guided]
        return answers[0]

    def vjp(self, x: Tensor, sigma: float, v: Tensor) -> tuple[Tensor, Tensor]:
        return self(x, sigma), v / (1 + sigma**2)

    @property
    def spent(self) -> list[Spent]:
        return [(g.base.evaluations / 2, g.base.guided_calls / 2) for g in self.guided]


def spent(sampler: Sampler, guidances: Sequence[Guidance], levels: Levels) -> list[Spent]:
    """What one run spends under each of the guidances, which have the same jumps."""
    together = Together(guidances, levels)
    for _ in trajectory(sampler, cast(Denoiser, together), levels, Noise(0, 0, 2, (2,))):
        pass
    return together.spent


def wrong_budgets(sampler: Sampler, guidances: Sequence[Guidance], most: int = 60) -> Iterator[str]:
    """A sentence for each budget from the least to `most` that is not spent as planned, or exceeded.

    Budgets of the network and of the denoiser; the guidances have the same jumps.
    """
    schedule, grid = get("schedule", "ddpm"), get("grid", "logsnr", sigma_min=0.02, sigma_max=40.0)
    counted: dict[int, list[Spent]] = {}
    for k, guidance in enumerate(guidances):
        for unit in ("network", "denoiser"):
            budgets = GuidedBudgets(sampler, guidance, Costless(), schedule, grid, "denoise", unit)
            for nfe in range(budgets.least(), most + 1):
                n = budgets.levels(nfe)
                if n not in counted:
                    counted[n] = spent(sampler, guidances, budgets.cut(n))
                planned = budgets.network(n), budgets.calls(n)
                if planned != counted[n][k] or budgets.cost(n) > nfe:
                    yield (
                        f"{sampler.name} under {guidance.name}, budget {nfe} of the {unit}: {planned} planned and "
                        f"{counted[n][k]} spent on {n} levels"
                    )
