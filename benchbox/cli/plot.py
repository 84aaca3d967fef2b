"""benchbox plot: draw the results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from benchbox.cli import charts, pictures
from benchbox.cli.restorations import restorations

PlotKind = Literal["quality", "order", "budget", "samples", "trajectory", "restoration"]

DEFAULT_BUDGETS = {"budget": "9,17,35,69,139", "samples": "5,10,20,35", "trajectory": "10", "restoration": "20"}
"""Budgets when --nfe is not given."""

TITLES = {"samples": "Samples", "trajectory": "D(x, σ) along the trajectory"}


def plot(
    directory: Annotated[Path, typer.Argument(help="--kind quality: a results directory.")] = Path("results"),
    kind: Annotated[PlotKind, typer.Option(help="What to draw.")] = "quality",
    output: Annotated[Path, typer.Option("--output", "-o", help="An .svg, .png, .pdf or .html file.")] = Path(
        "plot.svg"
    ),
    cost: Annotated[str, typer.Option(help="quality: the cost axis: nfe, seconds, memory, or a comma list.")] = "nfe",
    x: Annotated[
        str | None,
        typer.Option(
            "--x", help="quality: an option on the x axis (guidance.scale, sampler.eta), or a metric, along the scale."
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="quality: the metric [default: the one with the most rows; with --x: fid].")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model [default: quality: the one with the most rows; otherwise mnist-edm].")
    ] = None,
    sampler: Annotated[str, typer.Option(help="All kinds but quality: samplers, a comma list.")] = "heun",
    nfe: Annotated[
        str | None, typer.Option(help="Budgets, a comma list or a range; not for order, and for quality only with --x.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="The schedule; quality: that of the boards; without --x also recommended.")
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(help="The grid, not for order; quality: that of the boards; without --x also recommended."),
    ] = None,
    guidance: Annotated[str, typer.Option(help="restoration: methods, a comma list; none for a sampler.")] = "mmps",
    problem: Annotated[str, typer.Option(help="restoration: the inverse problem.")] = "inpaint",
    measurements: Annotated[int, typer.Option(min=1, help="restoration: number of measurements.")] = 4,
    samples: Annotated[
        int, typer.Option(min=1, help="samples, trajectory: number of samples; restoration: of each measurement.")
    ] = 16,
    seed: Annotated[
        int, typer.Option(min=0, help="samples, trajectory, restoration: seed of the noise, shared by all methods.")
    ] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="[PLUGIN.]OPTION=VALUE, as in run.", metavar="[PLUGIN.]OPTION=V")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="quality against nfe: add published FIDs as hollow points, unranked.")
    ] = False,
    certificate: Annotated[list[Path] | None, typer.Option(help="order: output of benchbox check --json.")] = None,
) -> None:
    """Draw quality against cost, orders of convergence, an error budget, samples, a trajectory, or restorations."""
    from benchbox.errors import UsageError
    from benchbox.report.page.single import write_charts, write_gallery

    names, selection = sampler.split(","), {"metric": metric, "model": model, "schedule": schedule, "grid": grid}
    if x is not None and kind != "quality":
        raise UsageError(f"--x is an axis of --kind quality: leave it out with --kind {kind}.")
    if x is not None:
        write_charts({"": charts.tradeoff(directory, x, selection, nfe)}, output)
    elif kind == "quality":
        write_charts(charts.quality(directory, cost.split(","), selection, published), output)
    elif kind == "order":
        write_charts({"": charts.order_picture(names, certificate or [], set_ or [], schedule or "edm")}, output)
    elif kind == "budget":
        chart = charts.budget_picture(names, nfe or DEFAULT_BUDGETS[kind], set_ or [], schedule, grid)
        write_charts({"": chart}, output)
    else:
        budgets, settings, name = nfe or DEFAULT_BUDGETS[kind], set_ or [], model or "mnist-edm"
        request: dict[str, Any] = {
            "models": [name], "schedules": [schedule] if schedule else [], "seeds": [seed],
            "grids": [grid] if grid else [], "n_samples": samples, "batch_size": samples,
        }  # fmt: skip
        if kind == "restoration":
            request |= {"guidances": guidance.split(","), "problems": [problem], "measurements": measurements}
            request |= dict.fromkeys(("n_samples", "batch_size"), samples * measurements)
            lines, data_range, subject = restorations(names, budgets, settings, request)
            title = f"{name}, {subject}; standard deviations: white is half of the range"
        else:
            lines, data_range = pictures.pictures(kind, names, budgets, settings, request)
            title = f"{TITLES[kind]}: {name}, the same noise (seed {seed})"
        write_gallery(lines, output, title, data_range)
