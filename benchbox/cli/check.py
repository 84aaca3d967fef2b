"""benchbox check: what a sampler really does, exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbox.cli.common import progress_bar
from benchbox.cli.exact_tables import print_budgets, print_certificate, print_mutation_scores, print_published
from benchbox.cli.posterior_budgets import show_posterior_budgets
from benchbox.errors import UsageError

if TYPE_CHECKING:
    from benchbox.exact.certificate import Certificate
    from benchbox.exact.subjects import RunOptions


def check(
    plugins: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SAMPLER…", help="Samplers by name, or `all`; schedules, models, metrics and guidances, too."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="[PLUGIN.]OPTION=VALUE, as in run.", metavar="[PLUGIN.]OPTION=V[,V…]"),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Check only the given options of a sampler, not other values of them."),
    ] = False,
    mutants: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Change one token of the sampler's source, N times: how many of these mutants fail?",
            metavar="N",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which mutants --mutants takes.")] = 0,
    guidance: Annotated[
        str | None, typer.Option(help="Samplers under these guidances: the exact law, the order, the guidance's rules.")
    ] = None,
    problem: Annotated[
        str | None,
        typer.Option(help="An inverse problem: with --guidance, where the error to its exact posterior comes from."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Models, named as in run; a pipeline of diffusers beside its own loop, step by step."),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Everything that was measured, as JSON.")] = False,
    budget: Annotated[
        bool,
        typer.Option("--budget", help="Where the error comes from, on Gaussian data, in place of the certificate."),
    ] = False,
    nfe: Annotated[
        str, typer.Option(help="Budgets of --budget and --problem: a comma list or a range.")
    ] = "9,17,35,69,139",
    schedule: Annotated[str | None, typer.Option(help="Schedule of --budget [default: the model's own].")] = None,
    grid: Annotated[str | None, typer.Option(help="Grid of --budget [default: the sampler's own].")] = None,
    final: Annotated[str, typer.Option(help="End of the runs of --budget: denoise or none.")] = "denoise",
    score_error: Annotated[
        float, typer.Option(help="--budget: the network predicts (1 + this) times the noise.")
    ] = 0.01,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where --budget plots: an .svg, .png, .pdf or .html.")
    ] = None,
    published: Annotated[
        Path | None, typer.Option(help="Reproduce the published W2 table whose files are in this directory.")
    ] = None,
    points: Annotated[int | None, typer.Option(min=2, help="--published: rows of at most so many points.")] = None,
) -> None:
    """A certificate: exact errors, measured order, conduct. Exit status 1 if any check fails."""
    from benchbox.exact.subjects import instances

    run = schedule, grid, final, score_error
    if published is not None:
        ok = print_published(published, points, json_)
    elif model is not None:
        ok = certificates(model.split(","), set_ or [], json_, quick, models=True)
    elif not plugins:
        raise UsageError("check needs a plugin to check: benchbox check heun, or benchbox check all.")
    elif problem is not None:
        ok = show_posterior_budgets(plugins, set_ or [], problem, guidance or "mmps", nfe, json_, run)
    elif budget:
        ok = show_budgets(plugins, set_ or [], nfe, output, json_, run)
    elif mutants is not None:
        print_mutation_scores(instances(plugins, set_ or [], "sampler"), mutants, seed, json_)
        ok = True
    else:
        ok = certificates(plugins, set_ or [], json_, quick, guidance)
    raise typer.Exit(0 if ok else 1)


def certificates(
    names: list[str],
    set_: list[str],
    as_json: bool,
    quick: bool = False,
    guidance: str | None = None,
    models: bool = False,
) -> bool:
    """Certify, print, and return whether all passed; models: the names are those of models."""
    made = []
    for certificate in certified(names, set_, quick, guidance, models):
        made.append(certificate)
        if not as_json:
            print_certificate(certificate)
    if as_json:
        print(json.dumps([certificate.as_dict() for certificate in made], indent=2, ensure_ascii=False))
    return all(certificate.passed for certificate in made)


def certified(
    names: list[str], set_: list[str], quick: bool, guidance: str | None, models: bool = False
) -> Iterator[Certificate]:
    """The certificates of plugins, or of samplers under guidances, each as soon as it is made."""
    from benchbox.exact.conformance import certificate_of
    from benchbox.exact.guidance_rules import guided_certificate
    from benchbox.exact.subjects import guided_pairs, instances, model_instances

    if guidance:
        yield from (guided_certificate(*pair) for pair in guided_pairs(names, set_, guidance))
        return
    with progress_bar("{task.fields[step]}") as bar:
        task = bar.add_task("", total=None, step="")
        for plugin in model_instances(names, set_) if models else instances(names, set_):
            bar.reset(task, total=None, description=plugin.name, step="")
            yield certificate_of(plugin, quick=quick, tick=lambda step: bar.update(task, advance=1, step=step))
        bar.remove_task(task)


def show_budgets(
    names: list[str], set_: list[str], nfe: str, output: Path | None, as_json: bool, run: RunOptions
) -> bool:
    """The error budgets of samplers on the Gaussian model."""
    from benchbox.commas import integers
    from benchbox.exact.subjects import budget_settings

    settings = budget_settings(names, set_, run)
    if output is not None and len(settings) > 1:
        raise UsageError("a plot shows one sampler: name one, or leave --output out.")
    print_budgets(settings, integers(nfe, "--nfe", 1), output, as_json)
    return True
