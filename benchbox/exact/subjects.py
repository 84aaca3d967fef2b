"""What `benchbox check` examines: plugins by their names and settings, and the runs of error budgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchbox.bench.settings import Settings, parse_settings
from benchbox.exact.budget import BudgetSetting, setting
from benchbox.exact.conformance import kind_of
from benchbox.guidance import Guidance
from benchbox.problem import Problem
from benchbox.registry import registry

RunOptions = tuple[str | None, str | None, str, float]
"""Schedule and grid (None: the defaults), the end of the run, and the relative error of the score."""


def instances(names: list[str], set_: list[str], only: str | None = None) -> list[Any]:
    """The plugins that names and settings mean; of the kind `only`, or of the first kind that has the name."""
    settings = Settings(parse_settings(set_))
    plugins = [p for name in listed_names(names) for p in settings.variants(only or kind_of(name), name)]
    settings.finish()
    return plugins


def listed_names(names: list[str]) -> list[str]:
    """The names of comma lists; `all` is every sampler."""
    items = [item for name in names for item in name.split(",")]
    return [name for item in items for name in (registry().names("sampler") if item == "all" else [item])]


def guided_pairs(names: list[str], set_: list[str], guidance: str) -> list[tuple[Any, Any]]:
    """All pairs of the samplers and the guidances; settings apply to both."""
    settings = Settings(parse_settings(set_))
    samplers = settings.chosen("sampler", listed_names(names))
    guidances = settings.chosen("guidance", guidance.split(","))
    settings.finish()
    return [(sampler, one) for sampler in samplers for one in guidances]


def model_instances(names: list[str], set_: list[str]) -> list[Any]:
    """The models that names mean, as in run, in all settings."""
    settings = Settings(parse_settings(set_))
    models = settings.chosen("model", names)
    settings.finish()
    return models


def budget_settings(names: list[str], set_: list[str], run: RunOptions) -> list[BudgetSetting]:
    """The runs of samplers on the Gaussian model."""
    samplers = instances(names, [s for s in set_ if not s.startswith("gaussian.")], "sampler")
    model = instances(["gaussian"], [s for s in set_ if s.startswith("gaussian.")], "model")[0]
    return [setting(sampler, model, *run) for sampler in samplers]


def posterior_settings(
    names: list[str], set_: list[str], problem: str, guidance: str, run: RunOptions
) -> Sequence[tuple[BudgetSetting, Problem, Guidance]]:
    """All triples of the runs of samplers, the problems of the Gaussian model, and the guidances."""
    settings = Settings(parse_settings(set_))
    model = settings.variants("model", "gaussian")[0]
    samplers = settings.chosen("sampler", listed_names(names))
    problems = settings.chosen("problem", problem.split(","))
    guidances = settings.chosen("guidance", guidance.split(","))
    settings.finish()
    return [(setting(s, model, *run), p, g) for s in samplers for p in problems for g in guidances]
