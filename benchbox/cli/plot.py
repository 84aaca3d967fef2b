"""benchbox plot: the results as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from benchbox.cli import pictures

PlotKind = Literal["quality", "order", "budget", "samples", "trajectory"]

DEFAULT_BUDGETS = {"budget": "9,17,35,69,139", "samples": "5,10,20,35", "trajectory": "10"}
"""Evaluations that are drawn where no --nfe is given."""

TITLES = {"samples": "Samples", "trajectory": "D(x, σ) along the run"}


def plot(
    directory: Annotated[Path, typer.Argument(help="--kind quality: a results directory.")] = Path("results"),
    kind: Annotated[PlotKind, typer.Option(help="What is drawn.")] = "quality",
    output: Annotated[Path, typer.Option("--output", "-o", help="An .svg, .png, .pdf or .html.")] = Path("plot.svg"),
    cost: Annotated[str, typer.Option(help="quality: against nfe, seconds, memory; a comma list.")] = "nfe",
    metric: Annotated[str | None, typer.Option(help="quality: the metric [default: what most rows have].")] = None,
    model: Annotated[str | None, typer.Option(help="The model [default: what most rows have; mnist-edm].")] = None,
    sampler: Annotated[str, typer.Option(help="All but quality: samplers, a comma list.")] = "heun",
    nfe: Annotated[str | None, typer.Option(help="budget, samples, trajectory: a comma list or a range.")] = None,
    schedule: Annotated[str | None, typer.Option(help="All but quality: the schedule.")] = None,
    grid: Annotated[str | None, typer.Option(help="samples, trajectory, budget: the grid.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="samples, trajectory: how many.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="samples, trajectory: the noise, the same for all.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="[PLUGIN.]OPTION=VALUE, as in run.", metavar="[PLUGIN.]OPTION=V")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="quality against nfe: with published FIDs, drawn hollow, never ranked.")
    ] = False,
    certificate: Annotated[list[Path] | None, typer.Option(help="order: JSON of benchbox check --json.")] = None,
) -> None:
    """Draw quality against cost, orders of convergence, an error budget, samples, or what a sampler sees on its way."""
    from benchbox.report.page.single import write_charts, write_gallery

    names = sampler.split(",")
    if kind == "quality":
        write_charts(pictures.quality(directory, cost.split(","), metric, model, published), output)
    elif kind == "order":
        write_charts({"": pictures.order_picture(names, certificate or [], set_ or [], schedule or "edm")}, output)
    elif kind == "budget":
        write_charts(
            {"": pictures.budget_picture(names, nfe or DEFAULT_BUDGETS[kind], set_ or [], schedule, grid)}, output
        )
    else:
        request = {
            "models": [model or "mnist-edm"], "schedules": [schedule] if schedule else [], "seeds": [seed],
            "grids": [grid] if grid else [], "n_samples": samples, "batch_size": samples,
        }  # fmt: skip
        lines, data_range = pictures.pictures(kind, names, nfe or DEFAULT_BUDGETS[kind], set_ or [], request)
        title = f"{TITLES[kind]}: {model or 'mnist-edm'}, the same noise (seed {seed})"
        write_gallery(lines, output, title, data_range)
