"""benchbox recommend: which sampler to use, according to the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbox.cli.common import console
from benchbox.errors import UsageError


def recommend(
    directory: Annotated[Path, typer.Argument(help="A results directory, or a published folder.")] = Path("results"),
    model: Annotated[str, typer.Option(help="The model to sample from.")] = "mnist-edm",
    target_fid: Annotated[
        float | None, typer.Option(help="The FID to reach: the whole 95 % interval must be at or below it.")
    ] = None,
    metric: Annotated[
        str, typer.Option(help="Another metric, of which less is better, such as teacher_error.")
    ] = "fid",
    target: Annotated[float | None, typer.Option(help="The value of that metric to reach, as --target-fid.")] = None,
    time_budget: Annotated[float | None, typer.Option(help="Seconds per 1,000 samples.")] = None,
) -> None:
    """The cheapest measured setup for a target FID, or the best for a time budget; otherwise, the sweep to run."""
    from benchbox.report.prepared import RANKED

    if metric not in RANKED or RANKED[metric].highest:
        raise UsageError(f"--metric {metric} is not valid: give a ranked metric of which less is better.")
    if target_fid is not None and (target is not None or metric != "fid"):
        raise UsageError("--target-fid is for FID: give --metric and --target.")
    target = target_fid if target_fid is not None else target
    if (target is None) == (time_budget is None):
        raise UsageError("give one of --target-fid and --time-budget (or --target, of another --metric).")
    from rich.text import Text

    from benchbox.cli.rows import rows_in
    from benchbox.registry import registry
    from benchbox.report.choices import measured_choices
    from benchbox.report.escape import plain_text
    from benchbox.report.ranking import boards
    from benchbox.report.recommend import for_target, for_time

    choices, defaults = measured_choices(boards(rows_in(directory)), model, metric), registry().defaults
    if target is not None:
        answer = for_target(choices, model, target, defaults)
    else:
        answer = for_time(choices, model, time_budget or 0, defaults)
    console.print(Text(plain_text(answer.why)), soft_wrap=True)
    console.print(Text(plain_text(answer.command)), soft_wrap=True)
    raise SystemExit(0 if answer.choice else 1)
