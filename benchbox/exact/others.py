"""Conformance of schedules, models and metrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbox import get
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.exact.rules import Check, Rule, image, relative
from benchbox.grid import Levels
from benchbox.metric import Accumulator, Context, Metric
from benchbox.model import Model
from benchbox.models.gaussian import Gaussian
from benchbox.schedule import Schedule


def times(schedule: Schedule, n: int = 257) -> Any:
    """Times over the schedule's range, dense at its noiseless end too, increasing."""
    low, high = schedule.t_min, schedule.t_max
    return np.unique(
        np.clip(np.concatenate([np.linspace(low, high, n), np.geomspace(max(low, 1e-9), high, n)]), low, high)
    )


def monotone(schedule: Schedule) -> Check:
    sigma = np.asarray(schedule.sigma(times(schedule)))
    ok = bool((np.diff(sigma) > 0).all())
    return Check(
        "monotone",
        ok,
        f"σ from {sigma[0]:.3g} to {sigma[-1]:.3g}" + ("" if ok else ", not increasing"),
        "σ increases with t",
    )


def finite(schedule: Schedule) -> Check:
    """Every function at both ends; σ, scale and start positive."""
    bad = []
    for t in (schedule.t_min, schedule.t_max):
        values = {f: float(getattr(schedule, f)(t)) for f in ("scale", "sigma", "dlog_scale", "dsigma", "start_std")}
        bad += [f"{f}({t:g}) = {v:g}" for f, v in values.items() if not math.isfinite(v)]
        bad += [f"{f}({t:g}) = {values[f]:g}" for f in ("scale", "sigma", "start_std", "dsigma") if not values[f] > 0]
    return Check(
        "ends", not bad, ", ".join(bad) or "finite and positive", "finite at both ends, σ, σ', s and the start positive"
    )


def inverse(schedule: Schedule) -> Check:
    t = times(schedule)
    error = float(np.abs(np.asarray(schedule.time(schedule.sigma(t))) / t - 1).max())
    return Check("time of sigma", error < 1e-6, f"time(σ(t)) is off by {error:.1e}, relative", "t, to 1e-6")


def derivatives(schedule: Schedule) -> Check:
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
    return Check(
        "derivatives", error < 1e-4, f"{name} is off by {error:.1e}, relative", "the derivatives of σ and ln s, to 1e-4"
    )


def scalars(schedule: Schedule) -> Check:
    """A scalar gives what an array holds at its place."""
    t = times(schedule)[::50]
    for f in ("scale", "sigma", "time", "dlog_scale", "dsigma", "start_std"):
        at = np.asarray(schedule.sigma(t)) if f == "time" else t
        whole, each = (
            np.asarray(getattr(schedule, f)(at)),
            np.array([float(getattr(schedule, f)(float(u))) for u in at]),
        )
        if whole.shape != at.shape or not np.allclose(whole, each, rtol=1e-12, atol=0):
            return Check("scalars and arrays", False, f"{f} of an array is not that of its scalars", "the same values")
    return Check("scalars and arrays", True, "agree", "the same values")


SCHEDULE_RULES: tuple[tuple[str, Rule], ...] = (
    ("monotone", monotone), ("ends", finite), ("time of sigma", inverse), ("derivatives", derivatives),
    ("scalars and arrays", scalars),
)  # fmt: skip


def span(model: Model) -> list[float]:
    """Levels over the model's range."""
    schedule = model.schedule
    ends = float(schedule.sigma(schedule.t_max)), float(schedule.sigma(schedule.t_min))
    return [float(s) for s in np.geomspace(*ends, 7)]


def formula(model: Model) -> Denoiser:
    exact = model.denoiser(torch.device("cpu")) is not None
    return Denoiser(model, torch.device("cpu"), torch.float64 if exact else torch.float32)


def noisy(model: Model, sigma: float, n: int, seed: int = 0) -> tuple[Tensor | None, Tensor]:
    """Data, where the model can draw them, and data with noise."""
    x0 = model.draw(n, seed)
    z = torch.as_tensor(np.random.default_rng(seed + 1).standard_normal((n, *model.shape)))
    return x0, (z * sigma if x0 is None else x0.double() + z * sigma)


def posterior_mean(model: Model) -> Check:
    """x_0 − D(x) is orthogonal to every function of x: tested on draws, with D, x, 1 and a cosine, as z-scores."""
    expected = "x_0 − D uncorrelated with functions of x (|z| < 5)"
    if model.draw(1, 0) is None:
        return Check("posterior mean", None, "not known: the model draws no data", expected)
    denoise, worst, where = formula(model), 0.0, 0.0
    for sigma in span(model):
        x0, x = noisy(model, sigma, 4096)
        assert x0 is not None
        with torch.no_grad():
            d = denoise(x, sigma)
        rest = (x0 - d).flatten(1)
        for phi in (
            torch.ones_like(rest),
            x.flatten(1),
            d.flatten(1),
            torch.cos(x.flatten(1) / sigma),
            torch.tanh(x.flatten(1)),
        ):
            product = (rest * phi).sum(1)
            z = float(product.mean().abs() / (product.std() / math.sqrt(len(product))).clamp_min(1e-12))
            worst, where = max((worst, where), (z, sigma))
    return Check("posterior mean", worst < 5, f"largest |z| {worst:.1f}, at σ = {where:.3g}", expected)


def gaussian_mean(model: Model) -> Check:
    """D of Gaussian data, from their mean and covariance."""
    expected = "μ + Σ (Σ + σ²)⁻¹ (x − μ), to 1e-9"
    law = model.gaussian_law()
    if law is None or law[0].size > 1024:
        return Check("closed form", None, "not Gaussian data, or too large to invert", expected)
    mean, covariance, denoise, worst = law[0], law[1] @ law[1], formula(model), 0.0
    for sigma in span(model):
        x = noisy(model, sigma, 5)[1]
        gain = np.linalg.solve(covariance + sigma**2 * np.eye(mean.size), covariance)
        exact = torch.as_tensor(mean + (x.flatten(1).numpy() - mean) @ gain).view(x.shape)
        worst = max(worst, relative(denoise(x, sigma), exact))
    return Check("closed form", worst < 1e-9, f"D is off by {worst:.1e}", expected)


def model_conduct(model: Model) -> Check:
    """Per level: alone as in a batch, the same twice, the input left as it is, dtype kept, no gradient, finite."""
    expected = "batch independence, repeatability, input and dtype kept, no gradient kept, finite"
    denoise = formula(model)
    rounding = 1e-10 if denoise.model.denoiser(torch.device("cpu")) is not None else 1e-3
    for sigma in span(model):
        x = noisy(model, sigma, 5)[1].to(torch.float64 if rounding < 1e-6 else torch.float32)
        before = x.clone()
        with torch.inference_mode():
            denoise.at(torch.arange(5))
            whole, again = denoise(x, sigma), denoise(x, sigma)
            denoise.at(torch.arange(2, 3))
            alone = denoise(x[2:3], sigma)
        at = f" at σ = {sigma:.3g}"
        if fault := _fault(whole, again, alone, x, before, rounding):
            return Check("conduct", False, fault + at, expected)
    return Check("conduct", True, "kept from the least level to the largest", expected)


def _fault(whole: Tensor, again: Tensor, alone: Tensor, x: Tensor, before: Tensor, rounding: float) -> str | None:
    if not bool(torch.isfinite(whole).all()):
        return "D is not finite"
    if not torch.equal(x, before):
        return "the input is modified"
    if whole.shape != x.shape or whole.dtype != x.dtype:
        return f"D is {whole.dtype} {tuple(whole.shape)} for {x.dtype} {tuple(x.shape)}"
    if whole.requires_grad:
        return "a gradient is kept"
    if relative(again, whole) > rounding:
        return f"the same input twice differs by {relative(again, whole):.1e}"
    if (difference := relative(alone, whole[2:3])) > rounding:
        return f"a sample alone differs from itself in a batch by {difference:.1e}"
    return None


MODEL_RULES: tuple[tuple[str, Rule], ...] = (
    ("posterior mean", posterior_mean), ("closed form", gaussian_mean), ("conduct", model_conduct),
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """A metric with samples that it can measure."""

    metric: Metric
    context: Context
    x: Tensor

    def values(
        self, parts: list[list[int]], through: Callable[[Accumulator, Accumulator], Accumulator] | None = None
    ) -> dict[str, Any]:
        """What the metric says of the samples in these parts, each in one update, or in an accumulator of its own."""
        accumulator = self.metric.start(self.context)
        for part in parts:
            index = torch.tensor(part)
            if through is None:
                accumulator.update(self.x[index], index)
            else:
                other = self.metric.start(self.context)
                other.update(self.x[index], index)
                accumulator = through(accumulator, other)
        return accumulator.compute()


def subject(metric: Metric, n: int = 48) -> Measured:
    """Samples that the metric accepts: vectors, or images. UsageError where it takes none."""
    problem: UsageError | None = None
    for model in candidates():
        try:
            metric.check(model)
        except UsageError as error:
            problem = problem or error
            continue
        levels = Levels.cut(model.schedule, get("grid", "karras", sigma_min=0.1, sigma_max=10.0), 8)
        context = Context(model, formula(model), model.schedule, levels, torch.device("cpu"), 0)
        x = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (n, *model.shape)))
        return Measured(metric, context, x.float())
    assert problem is not None
    raise problem


@cache
def candidates() -> tuple[Model, ...]:
    found: list[Model] = [Gaussian(), get("model", "mixture"), image()]
    for name in ("mnist-edm", "mnist-ddpm"):
        try:
            found.append(get("model", name))
        except UsageError:
            continue
    return tuple(found)


def _compare(name: str, measured: Measured, other: dict[str, Any], what: str) -> Check:
    whole = measured.values([list(range(len(measured.x)))])
    for column, value in whole.items():
        same = other[column] == value or (
            isinstance(value, float) and math.isclose(value, other[column], rel_tol=1e-5, abs_tol=1e-7)
        )
        if not same:
            return Check(name, False, f"{column} is {value} at once and {other[column]} {what}", "the same values")
    return Check(name, True, f"{', '.join(whole)} agree", "the same values")


def split_invariance(m: Measured) -> Check:
    n = len(m.x)
    return _compare(
        "batch split",
        m,
        m.values([list(range(7)), list(range(7, 8)), list(range(8, n))]),
        "in batches of 7, 1 and the rest",
    )


def permutation_invariance(m: Measured) -> Check:
    order = np.random.default_rng(1).permutation(len(m.x)).tolist()
    return _compare("permutation", m, m.values([order]), "in another order")


def merging(m: Measured) -> Check:
    """Accumulators of parts, merged, through their saved states."""

    def through(a: Accumulator, b: Accumulator) -> Accumulator:
        fresh = m.metric.start(m.context)
        fresh.load(b.state())
        if not empty:
            a.merge(fresh)
            return a
        empty.clear()
        return fresh

    empty = [True]
    half = len(m.x) // 2
    parts = [list(range(half)), list(range(half, len(m.x)))]
    return _compare("merge and state", m, m.values(parts, through), "merged from saved halves")


METRIC_RULES: tuple[tuple[str, Rule], ...] = (
    ("batch split", split_invariance), ("permutation", permutation_invariance), ("merge and state", merging),
)  # fmt: skip
