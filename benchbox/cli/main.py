"""The benchbox command."""

from __future__ import annotations

import typer

from benchbox.cli.common import one_sentence
from benchbox.cli.doctor import doctor
from benchbox.cli.leaderboard import leaderboard
from benchbox.cli.list import info, list_plugins
from benchbox.cli.run import run
from benchbox.cli.train import train

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(run)
app.command("list")(list_plugins)
app.command()(info)
app.command()(leaderboard)
app.command()(train)
app.command()(doctor)


@app.callback()
def benchbox() -> None:
    """Find out which diffusion sampler is best, and prove it."""


def main() -> None:
    """Entry point: a user's mistake is one sentence and status 2."""
    with one_sentence():
        app()
