"""benchbox tune: noise levels for one's own model, sampler and budget."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from benchbox.cli.common import command_line, console, progress_bar, say
from benchbox.commas import name_list
from benchbox.report.table import count_of

if TYPE_CHECKING:
    from benchbox.tuning.job import TuningJob


def tune(
    sampler: Annotated[str, typer.Option(help="Samplers: a comma list of names.")],
    nfe: Annotated[str, typer.Option(help="Budgets in network evaluations per sample: 5,8 or a range 5-10.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file for the levels, for --grid file:FILE.")],
    model: Annotated[str, typer.Option(help="A model: a name, a card (.json) …, as in benchbox run.")] = "mnist-edm",
    method: Annotated[
        Literal["dp", "search", "dmn"],
        typer.Option(
            help="dp: dynamic programming along the model's trajectories. search: the sampler's own error, minimised. "
            "dmn: the sampler's coefficients alone."
        ),
    ] = "dp",
    guidance: Annotated[str | None, typer.Option(help="A guidance [default: none].")] = None,
    schedule: Annotated[str | None, typer.Option(help="A noise schedule [default: the model's own].")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="[PLUGIN.]OPTION=V, repeatable.")] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=2, help="Samples to tune on, and as many others to check on [default: 64; 512 of an analytic model]."
        ),
    ] = None,
    evaluations: Annotated[
        int | None,
        typer.Option(min=1, help="Most evaluations of a search [default: those of 300 runs]."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise; that of the check is one higher.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 … or auto.")] = "auto",
    dtype: Annotated[
        Literal["float32", "float64", "bfloat16", "float16"], typer.Option(help="What the network computes in.")
    ] = "float32",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would cost, and stop.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Tune levels again that the file already holds.")] = False,
) -> None:
    """Find noise levels for a sampler, a budget and a model; write those that are better on held-out samples."""
    from benchbox.bench.hardware import usable
    from benchbox.bench.request import Request
    from benchbox.bench.settings import parse_settings
    from benchbox.commas import integers
    from benchbox.tuning.job import TuningJob

    request = Request(
        samplers=name_list(sampler, "--sampler"), nfe=integers(nfe, "--nfe", 1), models=name_list(model, "--model"),
        schedules=name_list(schedule, "--schedule"), guidances=name_list(guidance, "--guidance"), metrics=[],
        settings=parse_settings(set_ or []), seeds=[seed], batch_size=batch_size, device=usable(device),
        dtype=dtype,
    )  # fmt: skip
    job = TuningJob(request, method, output, samples, evaluations, command_line(), force)
    tune_and_report(job, dry_run)


def tune_and_report(job: TuningJob, dry_run: bool) -> None:
    """Show the plan, tune, show each outcome; exit status 1 where some levels are not better, and are not written."""
    from benchbox.cli.tune_tables import outcome_line, tune_plan_table
    from benchbox.cli.watch import STOPPING
    from benchbox.stopping import Interrupted, stoppable

    if job.kept:
        say(f"{count_of(job.kept, 'grid')} of this request {'is' if job.kept == 1 else 'are'} in {job.output} already.")
    if not job.cells:
        return
    console.print(tune_plan_table(job))
    if dry_run:
        return
    refused = 0
    try:
        with stoppable(partial(say, STOPPING)) as stop, progress_bar("evaluations") as bar:
            task = bar.add_task(job.method, total=job.planned)
            for outcome in job.run(lambda n: bar.advance(task, n)):
                console.print(outcome_line(outcome), soft_wrap=True)
                refused += not outcome.better
    except (Interrupted, KeyboardInterrupt):
        say(f"stopped: resume with {command_line()}")
        raise SystemExit(128 + stop.number) from None
    if job.written:
        console.print(f"wrote {count_of(job.written, 'grid')} to {job.output}; use it with --grid file:{job.output}")
    say(f"{job.spent:,} evaluations were spent, {job.spent_check:,} of them on held-out samples.")
    if refused:
        raise SystemExit(1)
