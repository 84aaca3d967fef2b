"""Where the error comes from (Pierret & Galerne 2025, "many approximations"): each source alone, and all together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import plan_levels, planned_nfe
from benchbox.errors import UsageError
from benchbox.exact.affinity import why_not_exact
from benchbox.exact.law import Law, noised, propagate, w2
from benchbox.grid import Grid, Levels
from benchbox.models.gaussian import Gaussian
from benchbox.registry import get
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

FINE_INTERVALS = 512
"""Intervals on which discretisation counts as nothing."""

SCORE_ERROR = 0.01
"""The perturbation of the denoiser by default: it predicts 1.01 times the noise."""

SOURCES = {
    "initialisation": "the start is the schedule's, not the exact p_1; many intervals",
    "truncation": "the exact law at σ_N, finished as the run is; no sampler",
    "discretisation": "from the exact p_1 to the exact law at σ_N, on the run's intervals",
    "score": "the network predicts (1 + δ) times the noise; from p_1, many intervals",
    "together": "the whole run with all four",
    "without score error": "the whole run with the exact score",
}
"""Each column and what it measures; all are exact W2 distances."""


@dataclass(frozen=True)
class Budget:
    """The W2 errors of one run: sources alone, and together."""

    nfe: int
    steps: int
    w2: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        return {"nfe": self.nfe, "steps": self.steps, "w2": self.w2}


@dataclass(frozen=True)
class BudgetSetting:
    """What budgets are made for: a sampler on Gaussian data, and how its runs are cut, ended and misled."""

    sampler: Sampler
    model: Gaussian
    schedule: Schedule
    grid: Grid
    final: str = "denoise"
    score_error: float = SCORE_ERROR

    def __str__(self) -> str:
        return f"{self.model.name}, {self.schedule.name}, {self.grid.name}, score error {self.score_error:g}"


def setting(
    sampler: Sampler, model: Gaussian, schedule: str | None, grid: str | None, final: str, score_error: float
) -> BudgetSetting:
    """By names; None means the model's own schedule, the grid that the sampler or the model recommends."""
    if final not in ("denoise", "none"):
        raise UsageError(f"--final is denoise or none, not {final!r}.")
    chosen = get("schedule", schedule) if schedule else model.schedule
    cut = get("grid", grid or sampler.grid or model.grid)
    return BudgetSetting(sampler, model, chosen, cut, final, score_error)


class Perturbed(Denoiser):
    """A denoiser whose predicted noise is (1 + δ) times the exact one: x − (1+δ)(x − D)."""

    def __init__(self, model: Gaussian, delta: float) -> None:
        super().__init__(model, torch.device("cpu"), torch.float64)
        self.delta = delta

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        return super().__call__(x, sigma).lerp(x, -self.delta)


def error_budget(setting: BudgetSetting, nfe: int) -> Budget:
    """The error budget at one NFE. UsageError where it buys no interval, or the sampler has no exact law."""
    sampler, model = setting.sampler, setting.model
    if sampler.uses_jumps:
        raise UsageError(f"sampler {sampler.name} has no error budget: a jump makes no error of discretisation.")
    n_levels = plan_levels(sampler, nfe, setting.final)
    if n_levels < 2:
        raise UsageError(f"sampler {sampler.name} makes no step with an NFE of {nfe}: give a larger --nfe.")
    run, fine = (Levels.cut(setting.schedule, setting.grid, n) for n in (n_levels, max(n_levels, FINE_INTERVALS + 1)))
    if why := why_not_exact(sampler, model, run):
        raise UsageError(f"sampler {sampler.name} has no exact law, so no error budget: it is {why}.")
    first, end = noised(model, run.sigmas[0]), noised(model, run.sigmas[-1])
    limit, wrong = propagate(sampler, model, fine), _wrong(setting, fine)
    errors = {
        "initialisation": w2(limit.moments(), limit.moments(first)),
        "truncation": w2(_finished(setting, end, run), noised(model, 0)),
        "discretisation": propagate(sampler, model, run).w2(end, first),
        "score": w2(wrong.moments(first), limit.moments(first)),
        "together": _wrong(setting, run, setting.final).w2(noised(model, 0)),
        "without score error": propagate(sampler, model, run, setting.final).w2(noised(model, 0)),
    }
    return Budget(planned_nfe(sampler, n_levels, setting.final), n_levels - 1, errors)


def _wrong(setting: BudgetSetting, levels: Levels, final: str = "none") -> Law:
    return propagate(setting.sampler, setting.model, levels, final, Perturbed(setting.model, setting.score_error))


def _finished(setting: BudgetSetting, end: tuple[Any, Any], levels: Levels) -> tuple[Any, Any]:
    """The exact law at σ_N after the last denoise, x ↦ μ + λ/(λ+σ²) (x − μ), where there is one."""
    if setting.final == "none":
        return end
    spectrum = setting.model.spectrum
    return end[0], np.square(spectrum) / (spectrum + levels.sigmas[-1] ** 2)


def error_budgets(setting: BudgetSetting, nfes: Iterable[int]) -> list[Budget]:
    """The budgets at several NFEs; those that spend the same are one."""
    return list({b.nfe: b for b in (error_budget(setting, nfe) for nfe in nfes)}.values())
