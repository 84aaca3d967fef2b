"""The rules for schedules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchbox.exact.rules import Rule, RuleResult
from benchbox.schedule import Schedule


def times(schedule: Schedule, n: int = 257) -> Any:
    """Times over the schedule's range, dense at its noiseless end too, increasing."""
    low, high = schedule.t_min, schedule.t_max
    return np.unique(
        np.clip(np.concatenate([np.linspace(low, high, n), np.geomspace(max(low, 1e-9), high, n)]), low, high)
    )


def monotone(schedule: Schedule) -> RuleResult:
    sigma = np.asarray(schedule.sigma(times(schedule)))
    ok = bool((np.diff(sigma) > 0).all())
    return RuleResult(
        "monotone",
        ok,
        f"σ from {sigma[0]:.3g} to {sigma[-1]:.3g}" + ("" if ok else ", not increasing"),
        "σ increases with t",
    )


def finite_ends(schedule: Schedule) -> RuleResult:
    """Every function at both ends; σ, scale and start positive."""
    bad = []
    for t in (schedule.t_min, schedule.t_max):
        values = {f: float(getattr(schedule, f)(t)) for f in ("scale", "sigma", "dlog_scale", "dsigma", "start_std")}
        bad += [f"{f}({t:g}) = {v:g}" for f, v in values.items() if not math.isfinite(v)]
        bad += [f"{f}({t:g}) = {values[f]:g}" for f in ("scale", "sigma", "start_std", "dsigma") if not values[f] > 0]
    return RuleResult(
        "ends", not bad, ", ".join(bad) or "finite and positive", "finite at both ends, σ, σ', s and the start positive"
    )


def inverse(schedule: Schedule) -> RuleResult:
    t = times(schedule)
    error = float(np.abs(np.asarray(schedule.time(schedule.sigma(t))) / t - 1).max())
    return RuleResult("time of sigma", error < 1e-6, f"time(σ(t)) is off by {error:.1e}, relative", "t, to 1e-6")


def derivatives(schedule: Schedule) -> RuleResult:
    """dσ/dt and d ln s/dt against central differences, inside the pieces of a discrete schedule."""
    low, high = schedule.t_min, schedule.t_max
    t = (np.linspace(low, high, 65)[:-1] + np.linspace(low, high, 65)[1:]) / 2
    if schedule.steps:
        t = (np.floor(t * schedule.steps) + 0.5) / schedule.steps
        t = t[t * schedule.steps > 1]
    h = np.minimum(1e-5 * (high - low), 0.01 * np.minimum(t - low, high - t))
    worst = []
    for name, f in (("dsigma", schedule.sigma), ("dlog_scale", lambda u: np.log(schedule.scale(u)))):
        slope = (np.asarray(f(t + h)) - np.asarray(f(t - h))) / (2 * h)
        claimed = np.asarray(getattr(schedule, name)(t))
        worst.append((float(np.abs(claimed - slope).max() / max(np.abs(slope).max(), 1e-9)), name))
    error, name = max(worst)
    return RuleResult(
        "derivatives", error < 1e-4, f"{name} is off by {error:.1e}, relative", "the derivatives of σ and ln s, to 1e-4"
    )


def scalars(schedule: Schedule) -> RuleResult:
    """A scalar gives what an array holds at its place."""
    t = times(schedule)[::50]
    for f in ("scale", "sigma", "time", "dlog_scale", "dsigma", "start_std"):
        at = np.asarray(schedule.sigma(t)) if f == "time" else t
        whole, each = (
            np.asarray(getattr(schedule, f)(at)),
            np.array([float(getattr(schedule, f)(float(u))) for u in at]),
        )
        if whole.shape != at.shape or not np.allclose(whole, each, rtol=1e-12, atol=0):
            return RuleResult(
                "scalars and arrays", False, f"{f} of an array is not that of its scalars", "the same values"
            )
    return RuleResult("scalars and arrays", True, "agree", "the same values")


SCHEDULE_RULES: tuple[tuple[str, Rule], ...] = (
    ("monotone", monotone), ("ends", finite_ends), ("time of sigma", inverse), ("derivatives", derivatives),
    ("scalars and arrays", scalars),
)  # fmt: skip
