"""The law and the orders of a sampler, and the checks that follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchbox.driver import ADAPTIVE_LEVELS, plan_levels, planned_nfe
from benchbox.exact.affinity import why_not_exact
from benchbox.exact.law import noised, propagate
from benchbox.exact.montecarlo import estimate_w2, samples
from benchbox.exact.order import SlopeFit, weak_slope
from benchbox.exact.pathwise import strong_slope
from benchbox.exact.rules import RuleResult, Trial, vector
from benchbox.grid import Levels
from benchbox.registry import get
from benchbox.sampler import Sampler

NFES = (10, 20, 50, 100)
"""Budgets at which a certificate states the W2 error of whole runs."""


@dataclass(frozen=True)
class Error:
    """The W2 error of a whole run on Gaussian data: exact, or estimated with an interval."""

    nfe: float
    steps: int
    w2: float
    interval: tuple[float, float] | None
    why_estimated: str | None

    def __str__(self) -> str:
        if self.interval is None:
            return f"{self.w2:.4g} with {self.nfe:g} evaluations, {self.steps} steps (exact)"
        low, high = self.interval
        return f"{self.w2:.3g} [{low:.3g}, {high:.3g}] on {self.steps} steps (Monte Carlo: {self.why_estimated})"

    def as_dict(self) -> dict[str, Any]:
        return {
            "nfe": self.nfe, "steps": self.steps, "w2": self.w2, "interval": self.interval,
            "how": "exact" if self.interval is None else f"Monte Carlo: {self.why_estimated}",
        }  # fmt: skip


@dataclass(frozen=True)
class Order:
    """A measured order: weak (exact W2 of Gaussian data) or strong (paths on the mixture)."""

    kind: str
    schedule: str
    claimed: int | None
    slope: SlopeFit
    variant: str = ""

    def as_dict(self) -> dict[str, Any]:
        slope = self.slope
        return {
            "kind": self.kind, "schedule": self.schedule, "options": self.variant, "claimed": self.claimed,
            "measured": slope.order, "asymptotic": slope.asymptotic, "intervals": slope.intervals,
            "errors": slope.errors,
        }  # fmt: skip

    def __str__(self) -> str:
        order = "rounding everywhere" if self.slope.order is None else f"{self.slope.order:.2f}"
        return f"{self.kind} order ({self.schedule}): none claimed, {order} measured"

    @property
    def check(self) -> RuleResult | None:
        """The claim against the measurement, with both numbers and the table; nothing where nothing is claimed."""
        if self.claimed is None:
            return None
        slope, where = self.slope, f"{self.schedule}{', ' if self.variant else ''}{self.variant}"
        order = "an error that is rounding everywhere" if slope.order is None else f"order {slope.order:.2f}"
        claim = f"the claimed order {self.claimed}"
        if slope.supports(self.claimed):
            at = f" on {slope.asymptotic[0]} to {slope.asymptotic[1]} intervals" if slope.asymptotic else ""
            return RuleResult(f"{self.kind} order ({where})", True, f"{order}{at}", claim)
        return RuleResult(
            f"{self.kind} order ({where})",
            False,
            f"it claims order {self.claimed} and has {order}: {slope.table}",
            claim,
        )


def errors(sampler: Sampler, nfes: tuple[int, ...] = NFES, n_samples: int = 4000) -> Iterator[Error]:
    """The W2 errors of whole runs on the Gaussian model: its own schedule, start, grid of the sampler, last denoise."""
    model = vector()
    grid = get("grid", sampler.grid or model.grid)
    adaptive = sampler.evals_per_step is None
    for nfe in (0,) if adaptive else nfes:
        n_levels = ADAPTIVE_LEVELS if adaptive else plan_levels(sampler, nfe)
        if n_levels < 2:
            continue
        levels = Levels.cut(model.schedule, grid, n_levels)
        target = noised(model, 0)
        if why := why_not_exact(sampler, model, levels, "denoise"):
            estimate = estimate_w2(samples(sampler, model, levels, n_samples, "denoise"), target)
            spent = float("nan") if adaptive else planned_nfe(sampler, n_levels)
            yield Error(spent, n_levels - 1, estimate.value, (estimate.low, estimate.high), why)
        else:
            law = propagate(sampler, model, levels, "denoise")
            yield Error(law.nfe, n_levels - 1, law.w2(target), None, None)


def measure_orders(trial: Trial, variant: str = "") -> Iterator[Order]:
    """The weak order where the law is exact, and the strong one where nothing but the start is drawn.

    Of a variant, one of the two.
    """
    sampler, schedule, model = trial.sampler, trial.schedule, vector()
    if trial.adaptive:
        return
    few = Levels.cut(schedule, trial.grid, 18)
    exact = why_not_exact(sampler, model, few) is None
    if exact:
        yield Order("weak", schedule.name, sampler.order, weak_slope(sampler, model, schedule, trial.grid), variant)
    if not (exact and variant) and propagate(sampler, model, few).draws == 0:
        mixture = get("model", "mixture")
        yield Order(
            "strong", schedule.name, sampler.order, strong_slope(sampler, mixture, schedule, trial.grid), variant
        )
