"""The rules for metrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbox.bench.truths import measure
from benchbox.errors import UsageError
from benchbox.exact.model_rules import formula
from benchbox.exact.rules import Rule, RuleResult, image
from benchbox.grid import Levels
from benchbox.measurement import Measurements, pose
from benchbox.metric import Accumulator, Context, Metric
from benchbox.model import Model
from benchbox.models.gaussian import Gaussian
from benchbox.registry import get


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
        for numbers in parts:
            index = torch.tensor(numbers)
            if through is None:
                accumulator.update(self.x[index], index)
            else:
                other = self.metric.start(self.context)
                other.update(self.x[index], index)
                accumulator = through(accumulator, other)
        return accumulator.compute()


def metric_subject(metric: Metric, n: int = 48) -> Measured:
    """Samples that the metric accepts: vectors, or images. UsageError where it takes none."""
    problem: UsageError | None = None
    for model in candidates():
        try:
            metric.check(model)
            measurements = measurements_for(metric, model)
        except UsageError as error:
            problem = problem or error
            continue
        levels = Levels.cut(model.schedule, get("grid", "karras", sigma_min=0.1, sigma_max=10.0), 8)
        context = Context(model, formula(model), model.schedule, levels, torch.device("cpu"), 0)
        context = replace(context, measurements=measurements)
        x = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (n, *model.shape)))
        return Measured(metric, context, x.float())
    assert problem is not None
    raise problem


def measurements_for(metric: Metric, model: Model) -> Measurements | None:
    """The measurements of a problem, for a metric that needs one. UsageError where that does not help."""
    try:
        metric.check_problem(None, model)
    except UsageError:
        problem = pose(get("problem", "denoise"), model)
        metric.check_problem(problem, model)
        return measure(problem, model, 5, seed=0)
    return None


@cache
def candidates() -> tuple[Model, ...]:
    models: list[Model] = [Gaussian(), get("model", "mixture"), image()]
    for name in ("mnist-edm", "mnist-ddpm"):
        try:
            models.append(get("model", name))
        except UsageError:
            continue
    return tuple(models)


def _compare(name: str, measured: Measured, other: dict[str, Any], otherwise: str) -> RuleResult:
    whole = measured.values([list(range(len(measured.x)))])
    for column, value in whole.items():
        same = other[column] == value or (
            isinstance(value, float) and math.isclose(value, other[column], rel_tol=1e-5, abs_tol=1e-7)
        )
        if not same:
            return RuleResult(
                name, False, f"{column} is {value} at once and {other[column]} {otherwise}", "the same values"
            )
    return RuleResult(name, True, f"{', '.join(whole)} agree", "the same values")


def split_invariance(m: Measured) -> RuleResult:
    n = len(m.x)
    return _compare(
        "batch split",
        m,
        m.values([list(range(7)), list(range(7, 8)), list(range(8, n))]),
        "in batches of 7, 1 and the rest",
    )


def permutation_invariance(m: Measured) -> RuleResult:
    order = np.random.default_rng(1).permutation(len(m.x)).tolist()
    return _compare("permutation", m, m.values([order]), "in another order")


def merging(m: Measured) -> RuleResult:
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
