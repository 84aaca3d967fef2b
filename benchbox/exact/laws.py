"""The law and the orders of a sampler, and the checks that follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchbox import get
from benchbox.driver import ADAPTIVE_LEVELS, plan_levels, planned_nfe
from benchbox.errors import UsageError
from benchbox.exact.affinity import why_not_exact
from benchbox.exact.law import noised, propagate
from benchbox.exact.montecarlo import W2Estimate, estimate_w2, samples
from benchbox.exact.options import discrete
from benchbox.exact.order import SlopeFit, weak_slope
from benchbox.exact.pathwise import strong_slope
from benchbox.exact.rules import RuleResult, Trial, vector
from benchbox.grid import Levels
from benchbox.models.gaussian import Gaussian
from benchbox.sampler import Sampler

SCHEDULES = ("edm", "vp")
"""Laws and orders are measured on a schedule that explodes and on one that preserves the variance."""

RIGHT = 0.1
"""Largest W2 error of a right law on many intervals, relative to the data's root mean square norm."""

MANY_INTERVALS = 128
"""Intervals that are many for a sampler whose error is estimated."""

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
            found = estimate_w2(samples(sampler, model, levels, n_samples, "denoise"), target)
            spent = float("nan") if adaptive else planned_nfe(sampler, n_levels)
            yield Error(spent, n_levels - 1, found.value, (found.low, found.high), why)
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


def right_law(trial: Trial, model: Gaussian, what: str) -> RuleResult:
    """From the exact law at the first level, on many intervals, to that at the last one."""
    name, expected = (
        f"law ({trial.schedule.name}, {what})",
        f"a W2 error of at most {RIGHT:.0%} of the data's size on many intervals",
    )
    levels = trial.levels((ADAPTIVE_LEVELS if trial.adaptive else MANY_INTERVALS) + 1)
    start, target = (noised(model, s) for s in (levels.sigmas[0], levels.sigmas[-1]))
    size = float(np.sqrt(np.sum(target[1]) + np.sum(target[0] ** 2)))
    if why := why_not_exact(trial.sampler, model, levels):
        found = estimate_w2(samples(trial.sampler, model, levels, 2000, start=start), target)
        how = f"Monte Carlo ({why})"
    else:
        exact = propagate(trial.sampler, model, levels).w2(target, start)
        found, how = W2Estimate(exact, exact, exact), "exact"
    ok = found.low <= RIGHT * size
    return RuleResult(name, ok, f"W2 error {found.value / size:.2%} of the data's size, {how}", expected)


def variants(sampler: Sampler) -> Iterator[tuple[str, Sampler]]:
    """The sampler, and what its options with named choices make of it, one at a time."""
    yield "", sampler
    for option, values in discrete(sampler).items():
        for value in values:
            try:
                yield f"{option}={getattr(value, 'name', value)}", replace(sampler, **{option: value})  # type: ignore[type-var]
            except (ValueError, UsageError):
                continue
