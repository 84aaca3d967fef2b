"""benchbox cluster: sweeps on many machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbox.atomic import output as written
from benchbox.cli.common import console
from benchbox.cli.run import run

cluster_app = typer.Typer(help="Sweeps on many machines.", no_args_is_help=True)


@cluster_app.command()
def slurm(
    sweep: Annotated[list[str], typer.Argument(help="After --: a benchbox run command.", metavar="-- run …")],
    nodes: Annotated[int, typer.Option(min=1, help="Number of machines.")],
    time: Annotated[str, typer.Option(help="Time limit of the job in Slurm's format, such as 12:00:00.")],
    cpus: Annotated[int, typer.Option("--cpus-per-task", min=1, help="CPU cores per machine.")] = 4,
    gpus: Annotated[int, typer.Option("--gpus-per-node", min=0, help="GPUs per machine.")] = 0,
    partition: Annotated[str | None, typer.Option(help="Slurm partition.")] = None,
    account: Annotated[str | None, typer.Option(help="Slurm account.")] = None,
    setup: Annotated[
        str | None, typer.Option(help="A shell line to run first, such as: source .venv/bin/activate")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to a file instead of the terminal.")
    ] = None,
) -> None:
    """Print a Slurm submission script that starts Ray on all machines of the job and runs a sweep there."""
    from benchbox.clusters.slurm import SlurmJob

    job = SlurmJob(sweep, nodes, time, cpus, gpus, partition, account, setup)
    check_run_options(sweep[1:])
    if output is None:
        print(job.script(), end="")
        return
    with written(output) as file:
        file.write(job.script().encode())
    console.print(f"wrote {output}: sbatch {output}", markup=False, soft_wrap=True)


def check_run_options(words: list[str]) -> None:
    """Typer's error, or a UsageError, for options that `benchbox run` would refuse: before the job is queued."""
    parser = typer.Typer(add_completion=False)
    parser.command()(run)
    typer.main.get_command(parser).make_context("run", list(words))


@cluster_app.command("wait")
def wait_for(
    address: Annotated[str, typer.Option(help="HOST:PORT of the Ray head node.")],
    nodes: Annotated[int, typer.Option(min=1, help="Number of machines.")],
    timeout: Annotated[float, typer.Option(min=0, help="Longest wait in seconds.")] = 300,
) -> None:
    """Wait until a Ray cluster has this many machines; exit status 2 if the time runs out."""
    from benchbox.clusters.connection import wait

    wait(address, nodes, timeout)
