"""benchbox leaderboard: rows, ranked where they may be compared."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Literal

import typer

from benchbox.cli.common import console, say
from benchbox.errors import UsageError


def leaderboard(
    directory: Annotated[Path, typer.Argument(help="A results directory.")] = Path("results"),
    format_: Annotated[Literal["table", "csv"], typer.Option("--format", help="How it is written.")] = "table",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file [default: the terminal].")] = None,
) -> None:
    """Rank the samplers in a results directory, per data set, model, metric, sample count and budget."""
    import warnings

    from rich.console import Console

    from benchbox.bench.store import load_results
    from benchbox.registry import registry
    from benchbox.report.leaderboard import boards, tables

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = load_results(directory)
    for warning in caught:
        say(warning.message)
    if rows.empty:
        raise UsageError(f"there are no rows in {directory}: benchbox run makes them.")
    ranked = boards(rows)
    try:
        with output.open("w", encoding="utf-8") if output else nullcontext(console.file) as file:
            if format_ == "csv":
                ranked.to_csv(file, index=False)
                return
            target = Console(file=file, width=160, emoji=False) if output else console
            for table in tables(ranked, registry().usual):
                target.print(table)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}.") from None
