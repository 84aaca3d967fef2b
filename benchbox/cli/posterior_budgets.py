"""benchbox check --problem: where the error of samplers on inverse problems comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from benchbox.cli.common import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbox.exact.budget import BudgetSetting
    from benchbox.guidance import Guidance
    from benchbox.problem import Problem


def show_posterior_budgets(
    names: list[str],
    set_: list[str],
    problem: str,
    guidance: str,
    nfe: str,
    as_json: bool,
    run: tuple[str | None, str | None, str, float],
) -> bool:
    """The error budgets of samplers under guidances, on the problems of the Gaussian model; run: as for --budget."""
    from benchbox.bench.settings import Settings, parse_settings
    from benchbox.cli.check import listed_names
    from benchbox.commas import integers
    from benchbox.exact.budget import setting

    settings = Settings(parse_settings(set_))
    model = settings.variants("model", "gaussian")[0]
    samplers = [s for name in listed_names(names) for s in settings.variants("sampler", name)]
    problems = [p for name in problem.split(",") for p in settings.variants("problem", name)]
    guidances = [g for name in guidance.split(",") for g in settings.variants("guidance", name)]
    settings.finish()
    chosen = [(setting(s, model, *run), p, g) for s in samplers for p in problems for g in guidances]
    print_posterior_budgets(chosen, integers(nfe, "--nfe", 1), as_json)
    return True


def print_posterior_budgets(
    chosen: Sequence[tuple[BudgetSetting, Problem, Guidance]], nfes: Sequence[int], as_json: bool
) -> None:
    """The error budgets on inverse problems, a table for each sampler, problem and guidance."""
    from benchbox.exact.posterior_budget import SOURCES, posed_problem, posterior_budgets
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
        shown = Table("NFE", "steps", *SOURCES, title=title)
        for b in budgets:
            shown.add_row(str(b.nfe), str(b.steps), *(f"{b.w2[s]:.3g}" for s in SOURCES))
        if not as_json:
            console.print(shown)
    if as_json:
        print(json.dumps(measured, indent=2))
