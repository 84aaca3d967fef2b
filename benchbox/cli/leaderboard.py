"""benchbox leaderboard: samplers ranked by their rows."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchbox.atomic import output as written
from benchbox.cli.common import console, say
from benchbox.errors import UsageError
from benchbox.report.select import Format

WIDTH = 160
"""Columns of a table that is written to a file."""

MANY = 20
"""Boards in a terminal from which on a note says how to choose among them."""


def leaderboard(
    directory: Annotated[Path, typer.Argument(help="A results directory, or a published folder.")] = Path("results"),
    format_: Annotated[Format, typer.Option("--format", help="Output format.")] = "table",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A file [default: the terminal]; with html, a folder gets a whole site."),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="One metric [default: all].")] = None,
    model: Annotated[str | None, typer.Option(help="One model [default: all].")] = None,
    sampler: Annotated[str | None, typer.Option(help="The boards that have this sampler [default: all].")] = None,
    nfe: Annotated[str | None, typer.Option(help="Budgets: a comma list or a range [default: all].")] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Show only the first lines of each table.")] = None,
    published: Annotated[bool, typer.Option("--published", help="Also show published FIDs, unranked.")] = False,
    certificate: Annotated[
        list[Path] | None, typer.Option(help="For a site: output of benchbox check [--budget] --json.")
    ] = None,
    picture: Annotated[list[Path] | None, typer.Option(help="For a site: a .png from benchbox plot.")] = None,
) -> None:
    """Rank the samplers in a results directory, per data set, model, metric, sample count and budget."""
    for value, option in ((published, "--published"), (top, "--top")):
        if value and format_ in ("csv", "json"):
            raise UsageError(f"{option} works with the formats table, markdown, latex and html, not with {format_}.")
    budgets = _budget_list(nfe)
    if format_ == "html" and output is not None and not output.suffix:
        if metric or model or sampler or budgets or top or published:
            options = "--metric, --model, --sampler, --nfe, --top and --published"
            raise UsageError(f"a site shows everything: leave out {options}.")
        _write_site(directory, output, certificate or [], picture or [])
        return
    from benchbox.cli.rows import defaults_for, rows_in
    from benchbox.registry import registry
    from benchbox.report.ranking import boards
    from benchbox.report.select import selected_boards, write_boards

    rows = rows_in(directory)
    selected, defaults = selected_boards(boards(rows), metric, model, budgets, sampler), defaults_for(rows)
    text = StringIO()
    target = console if output is None else Console(file=text, width=WIDTH, emoji=False)
    write_boards(selected, defaults, format_, target, published, top, registry().biased_by)
    if output is None:
        if format_ == "table" and len(selected) >= MANY:
            say(f"these are {len(selected)} boards: choose with --sampler, --model, --metric and --nfe.")
        return
    with written(output) as file:
        file.write(text.getvalue().encode())


def _write_site(directory: Path, folder: Path, certificates: list[Path], pictures: list[Path]) -> None:
    from benchbox.cli.rows import rows_in, site_of
    from benchbox.report.page.folder import write_site

    write_site(site_of(rows_in(directory), certificates, pictures), folder)


def _budget_list(nfe: str | None) -> list[int]:
    """The requested budgets; empty: all."""
    if nfe is None:
        return []
    from benchbox.commas import integers

    return integers(nfe, "--nfe", 1)
