"""benchbox cluster: sweeps on many machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbox.cli.common import console
from benchbox.store.atomic import output as written

cluster_app = typer.Typer(help="Sweeps on many machines.", no_args_is_help=True)


@cluster_app.command()
def slurm(
    sweep: Annotated[list[str], typer.Argument(help="After --: run and its options.", metavar="-- run …")],
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")],
    time: Annotated[str, typer.Option(help="The job's time limit, as Slurm writes it: 12:00:00.")],
    cpus: Annotated[int, typer.Option("--cpus-per-task", min=1, help="Cores of each machine.")] = 4,
    gpus: Annotated[int, typer.Option("--gpus-per-node", min=0, help="GPUs of each machine.")] = 0,
    partition: Annotated[str | None, typer.Option(help="Slurm's partition.")] = None,
    account: Annotated[str | None, typer.Option(help="Slurm's account.")] = None,
    setup: Annotated[str | None, typer.Option(help="A line of shell before all: source .venv/bin/activate")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of the terminal.")] = None,
) -> None:
    """Print a submission script: Ray on all machines of a Slurm job, and a sweep on it."""
    from benchbox.clusters.slurm import SlurmJob

    job = SlurmJob(sweep, nodes, time, cpus, gpus, partition, account, setup)
    readable(sweep[1:])
    if output is None:
        print(job.script(), end="")
        return
    with written(output) as file:
        file.write(job.script().encode())
    console.print(f"wrote {output}: sbatch {output}", markup=False, soft_wrap=True)


def readable(words: list[str]) -> None:
    """Typer's error, or a UsageError, where benchbox run would not take these words: better now than in the queue."""
    from benchbox.cli.main import app as benchbox

    command = typer.main.get_command(benchbox)
    command.commands["run"].make_context("run", list(words))  # type: ignore[attr-defined]


@cluster_app.command("wait")
def wait_for(
    address: Annotated[str, typer.Option(help="HOST:PORT of the cluster's head.")],
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")],
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait.")] = 300,
) -> None:
    """Wait until so many machines are in a Ray cluster; exit status 2 if they do not come."""
    from benchbox.clusters.waiting import wait

    wait(address, nodes, timeout)
