"""benchbox check --problem: where the error of samplers on inverse problems comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from benchbox.cli.common import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbox.exact.budget import BudgetSetting
    from benchbox.exact.subjects import RunOptions
    from benchbox.guidance import Guidance
    from benchbox.problem import Problem


def show_posterior_budgets(
    names: list[str], set_: list[str], problem: str, guidance: str, nfe: str, as_json: bool, run: RunOptions
) -> bool:
    """The error budgets of samplers under guidances, on the problems of the Gaussian model."""
    from benchbox.commas import integers
    from benchbox.exact.subjects import posterior_settings

    settings = posterior_settings(names, set_, problem, guidance, run)
    print_posterior_budgets(settings, integers(nfe, "--nfe", 1), as_json)
    return True


def print_posterior_budgets(
    chosen: Sequence[tuple[BudgetSetting, Problem, Guidance]], nfes: Sequence[int], as_json: bool
) -> None:
    """The error budgets on inverse problems, a table for each sampler, problem and guidance."""
    from benchbox.exact.posterior_budget import POSTERIOR_SOURCES, posed_problem, posterior_budgets
    from benchbox.options import describe

    measured = []
    for setting, problem, guidance in chosen:
        posed = posed_problem(problem, guidance, setting)
        budgets = posterior_budgets(setting, posed, guidance, nfes)
        names = {"sampler": setting.sampler.name, "problem": problem.name, "guidance": guidance.name}
        measured.append(names | {"budgets": [b.as_dict() for b in budgets]})
        options = ", ".join(f"{k}={v}" for k, v in describe(posed).items() if v is not None)
        place = f"{setting.model.name}, {setting.schedule.name}, {setting.grid.name}"
        title = (
            f"{setting.sampler.name} under {guidance.name}, {problem.name} ({options}): W2 to the posterior, {place}"
        )
        shown = Table("NFE", "steps", *POSTERIOR_SOURCES, title=title)
        for b in budgets:
            shown.add_row(str(b.nfe), str(b.steps), *(f"{b.w2[s]:.3g}" for s in POSTERIOR_SOURCES))
        if not as_json:
            console.print(shown)
    if as_json:
        print(json.dumps(measured, indent=2))
