"""The benchbox command."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from benchbox.cli.check import check
from benchbox.cli.cluster import cluster_app as cluster
from benchbox.cli.common import console, errors_as_sentences, warnings_as_sentences
from benchbox.cli.compare import compare
from benchbox.cli.doctor import doctor
from benchbox.cli.info import info
from benchbox.cli.leaderboard import leaderboard
from benchbox.cli.list import list_plugins
from benchbox.cli.new import new
from benchbox.cli.plot import plot
from benchbox.cli.publish import publish
from benchbox.cli.recommend import recommend
from benchbox.cli.reference import reference_app as reference
from benchbox.cli.rerun import rerun
from benchbox.cli.results import results_app as results
from benchbox.cli.run import run
from benchbox.cli.score import score
from benchbox.cli.streams import standard_streams
from benchbox.cli.submit import submit
from benchbox.cli.train import train
from benchbox.cli.train_classifier import train_classifier
from benchbox.cli.tune import tune
from benchbox.threads import passive

INTERRUPTED = 130
"""What typer returns after Ctrl-C."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(run)
app.command()(rerun)
app.command()(score)
app.command("list")(list_plugins)
app.command()(info)
app.command()(check)
app.command()(leaderboard)
app.command()(compare)
app.command()(recommend)
app.command()(plot)
app.command()(publish)
app.command()(submit)
app.command()(train)
app.command()(train_classifier)
app.command()(tune)
app.add_typer(reference, name="reference")
app.add_typer(cluster, name="cluster")
app.add_typer(results, name="results")
app.command()(new)
app.command()(doctor)


def show_version(requested: bool) -> None:
    """Print the version, and stop."""
    if requested:
        from benchbox.plugin import OWN_VERSION

        console.print(f"benchbox {OWN_VERSION}", markup=False)
        raise typer.Exit


@app.callback()
def benchbox(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Find out which diffusion sampler is best, and prove it."""


def main() -> None:
    """Entry point: a user's mistake is one sentence and status 2."""
    os.environ.update(passive(os.environ))  # before torch is loaded
    with standard_streams(), errors_as_sentences(), warnings_as_sentences():
        status = app(args=sys.argv[1:] or ["--help"], prog_name="benchbox", standalone_mode=False)
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        raise SystemExit(status if isinstance(status, int) else 0)
