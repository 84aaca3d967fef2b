"""benchbox check: what a sampler really does, exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchbox.cli.common import console, progress_bar
from benchbox.cli.exact_tables import print_budgets, print_mutation_scores, print_published
from benchbox.errors import UsageError

if TYPE_CHECKING:
    from benchbox.exact.certificate import Certificate


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
        bool, typer.Option("--quick", help="A sampler's own options alone, without other settings of them.")
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
    json_: Annotated[bool, typer.Option("--json", help="Everything that was measured, as JSON.")] = False,
    budget: Annotated[
        bool,
        typer.Option("--budget", help="Where the error comes from, on Gaussian data, in place of the certificate."),
    ] = False,
    nfe: Annotated[str, typer.Option(help="Budgets of --budget: a comma list or a range.")] = "9,17,35,69,139",
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
    points: Annotated[int | None, typer.Option(min=2, help="--published: only rows of at most so many points.")] = None,
) -> None:
    """A certificate: exact errors, measured order, conduct. Exit status 1 if any check fails."""
    if published is not None:
        ok = print_published(published, points, json_)
    elif not plugins:
        raise UsageError("check needs a plugin to check: benchbox check heun, or benchbox check all.")
    elif budget:
        ok = show_budgets(plugins, set_ or [], nfe, output, json_, (schedule, grid, final, score_error))
    elif mutants is not None:
        print_mutation_scores(instances(plugins, set_ or [], "sampler"), mutants, seed, json_)
        ok = True
    else:
        ok = certificates(plugins, set_ or [], json_, quick, guidance)
    raise typer.Exit(0 if ok else 1)


def instances(names: list[str], set_: list[str], only: str | None = None) -> list[Any]:
    """The plugins that names and settings mean; of the kind `only`, or of the first kind that has the name."""
    from benchbox.bench.settings import Settings, parse_settings
    from benchbox.exact.conformance import kind_of
    from benchbox.registry import registry

    settings = Settings(parse_settings(set_))
    wanted = [part for name in names for part in name.split(",")]
    chosen = [n for name in wanted for n in (registry().names("sampler") if name == "all" else [name])]
    found = [p for name in chosen for p in settings.variants(only or kind_of(name), name)]
    settings.finish()
    return found


def guided_instances(names: list[str], set_: list[str], guidance: str) -> list[tuple[Any, Any]]:
    """All pairs of the samplers and the guidances; settings apply to both."""
    from benchbox.bench.settings import Settings, parse_settings
    from benchbox.registry import registry

    settings = Settings(parse_settings(set_))
    wanted = [n for part in names for n in (registry().names("sampler") if part == "all" else part.split(","))]
    samplers = [sampler for name in wanted for sampler in settings.variants("sampler", name)]
    guidances = [g for name in guidance.split(",") for g in settings.variants("guidance", name)]
    settings.finish()
    return [(sampler, one) for sampler in samplers for one in guidances]


def certificates(
    names: list[str], set_: list[str], as_json: bool, quick: bool = False, guidance: str | None = None
) -> bool:
    """Certify, print, and say whether all passed."""
    from benchbox.exact.conformance import certificate_of
    from benchbox.exact.guidance_rules import guided_certificate

    found = []
    for sampler, one in guided_instances(names, set_, guidance) if guidance else ():
        found.append(guided_certificate(sampler, one))
        if not as_json:
            show_certificate(found[-1])
    with progress_bar("{task.fields[what]}") as bar:
        for plugin in [] if guidance else instances(names, set_):
            task = bar.add_task(plugin.name, total=None, what="")
            found.append(
                certificate_of(
                    plugin, quick=quick,
                    tick=lambda what, task=task: bar.update(task, advance=1, what=what),  # type: ignore[misc]
                )
            )  # fmt: skip
            bar.remove_task(task)
            if not as_json:
                show_certificate(found[-1])
    if as_json:
        print(json.dumps([c.as_dict() for c in found], indent=2, ensure_ascii=False))
    return all(c.passed for c in found)


def show_certificate(found: Certificate) -> None:
    """A certificate for people: every check, the orders, the errors of whole runs, the verdict."""
    options = ", ".join(f"{k}={v}" for k, v in found.options.items())
    console.print(f"[bold]{found.name}[/bold] ({options})" if options else f"[bold]{found.name}[/bold]")
    for line in found.checks:
        style = {True: "green", False: "bold red", None: "dim"}[line.passed]
        console.print(f"  [{style}]{str(line)[:4]}[/]{str(line)[4:]}", soft_wrap=True)
    for order in found.orders:
        if order.claimed is None:
            console.print(f"  [dim]note[/]  {order}", soft_wrap=True)
    for error in found.errors:
        console.print(f"  [dim]W2  [/]  {error}", soft_wrap=True)
    if found.kind == "sampler":
        console.print(f"  [dim]note[/]  {found.scope}", soft_wrap=True)
    verdict = "[bold green]passed[/]" if found.passed else f"[bold red]{len(found.failures)} failed[/]"
    console.print(f"  {verdict}, {len(found.checks)} checks\n")


def show_budgets(
    names: list[str],
    set_: list[str],
    nfe: str,
    output: Path | None,
    as_json: bool,
    run: tuple[str | None, str | None, str, float],
) -> bool:
    """The error budgets of samplers on the Gaussian model; run: schedule, grid, final, error of the score."""
    from benchbox.commas import integers
    from benchbox.exact.budget import setting

    samplers = instances(names, [s for s in set_ if not s.startswith("gaussian.")], "sampler")
    model = instances(["gaussian"], [s for s in set_ if s.startswith("gaussian.")], "model")[0]
    if output is not None and len(samplers) > 1:
        raise UsageError("a plot shows one sampler: name one, or leave --output out.")
    print_budgets([setting(s, model, *run) for s in samplers], integers(nfe, "--nfe", 1), output, as_json)
    return True
