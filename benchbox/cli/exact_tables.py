"""What `benchbox check` prints: certificates, error budgets, mutants, the published table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from benchbox.cli.common import console, progress_bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbox.exact.budget import Budget, BudgetSetting
    from benchbox.exact.certificate import Certificate
    from benchbox.exact.published import PublishedResult
    from benchbox.sampler import Sampler


def print_certificate(certificate: Certificate) -> None:
    """A certificate for people: every check, the orders, the errors of whole runs, the verdict."""
    options = ", ".join(f"{k}={v}" for k, v in certificate.options.items())
    console.print(f"[bold]{certificate.name}[/bold] ({options})" if options else f"[bold]{certificate.name}[/bold]")
    for line in certificate.checks:
        style = {True: "green", False: "bold red", None: "dim"}[line.passed]
        console.print(f"  [{style}]{str(line)[:4]}[/]{str(line)[4:]}", soft_wrap=True)
    for order in certificate.orders:
        if order.claimed is None:
            console.print(f"  [dim]note[/]  {order}", soft_wrap=True)
    for error in certificate.errors:
        console.print(f"  [dim]W2  [/]  {error}", soft_wrap=True)
    if certificate.kind == "sampler":
        console.print(f"  [dim]note[/]  {certificate.scope}", soft_wrap=True)
    verdict = "[bold green]passed[/]" if certificate.passed else f"[bold red]{len(certificate.failures)} failed[/]"
    console.print(f"  {verdict}, {len(certificate.checks)} checks\n")


def print_budgets(settings: Sequence[BudgetSetting], nfes: Sequence[int], output: Path | None, as_json: bool) -> None:
    """The error budgets of samplers on the Gaussian model, as tables and as a plot of the first."""
    from benchbox.exact.budget import error_budgets
    from benchbox.report.page.single import write_charts
    from benchbox.report.plots.exact import budget_chart

    measured = []
    for setting in settings:
        budgets = error_budgets(setting, nfes)
        values, name = [b.as_dict() for b in budgets], setting.sampler.name
        measured.append({"sampler": name, "score_error": setting.score_error, "budgets": values})
        if output is not None:
            write_charts({"": budget_chart(name, str(setting), values)}, output)
        if not as_json:
            console.print(_budget_table(setting, budgets))
    if as_json:
        print(json.dumps(measured, indent=2))


def _budget_table(setting: BudgetSetting, budgets: Sequence[Budget]) -> Table:
    from benchbox.exact.budget import SOURCES

    shown = Table("NFE", "steps", *SOURCES, title=f"{setting.sampler.name}: exact W2 on {setting}")
    for b in budgets:
        shown.add_row(str(b.nfe), str(b.steps), *(f"{b.w2[s]:.3g}" for s in SOURCES))
    return shown


def print_mutation_scores(samplers: Sequence[Sampler], sample: int, seed: int, as_json: bool) -> None:
    """Which share of the mutants of samplers the rules reject, and the survivors with their lines."""
    from benchbox.exact.mutation_score import mutation_score

    scores = []
    with progress_bar() as bar:
        task = bar.add_task("", total=None)
        for sampler in samplers:
            bar.reset(task, total=None, description=f"{sampler.name}: mutants")
            scores.append(
                mutation_score(sampler, sample, seed, tick=lambda n, of: bar.update(task, completed=n, total=of))
            )
            if not as_json:
                console.print(str(scores[-1]), soft_wrap=True, highlight=False)
                for mutant in scores[-1].survivors:
                    console.print(f"  survives  {mutant}", soft_wrap=True, highlight=False, markup=False)
    if as_json:
        print(json.dumps([s.as_dict() for s in scores], indent=2, ensure_ascii=False))


def print_published(directory: Path, points: int | None, as_json: bool) -> bool:
    """The published table, value by value; whether every one agrees at the printed digits."""
    from benchbox.exact.published import n_draws, read_published, rerun_published

    rows, model = read_published(directory)
    rows = [r for r in rows if points is None or r.points <= points]
    results = []
    with progress_bar("{task.fields[step]}") as bar:
        task = bar.add_task("published table", total=n_draws(rows), step="")
        for result in rerun_published(rows, model, lambda done, step: bar.update(task, advance=done, step=step)):
            results.append(result)
    agreeing = sum(r.agrees for r in results)
    if as_json:
        print(json.dumps([r.as_dict() for r in results], indent=2))
    else:
        console.print(_published_table(results))
        console.print(f"{agreeing} of {len(results)} values agree at the printed digits.")
    return agreeing == len(results)


def _published_table(results: Sequence[PublishedResult]) -> Table:
    columns = ("scheme", "ε", "printed NFE", "points", "start", "published", "here", "NFE spent", "")
    shown = Table(*columns, title="W2, CIFAR-10 Gaussian")
    for r in results:
        mark, row = "[green]agrees[/]" if r.agrees else "[bold red]differs[/]", r.row
        here = (row.printed, f"{r.w2:.4f}", f"{r.nfe:g}", mark)
        shown.add_row(row.scheme, f"{row.epsilon:g}", str(row.label), str(row.points), row.start, *here)
    return shown
