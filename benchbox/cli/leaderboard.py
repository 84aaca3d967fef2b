"""benchbox leaderboard: rows, ranked where they may be compared."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from benchbox.cli.common import console
from benchbox.errors import UsageError, unknown
from benchbox.store.atomic import output as written

if TYPE_CHECKING:
    from benchbox.report.board import Board
    from benchbox.report.table import Usual

Format = Literal["table", "markdown", "latex", "html", "csv", "json"]

WIDTH = 160
"""Columns of a table in a file."""


def leaderboard(
    directory: Annotated[Path, typer.Argument(help="A results directory, or a published folder.")] = Path("results"),
    format_: Annotated[Format, typer.Option("--format", help="How it is written.")] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file [default: the terminal]; html: a folder for a site.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="One metric [default: all that were measured].")] = None,
    model: Annotated[str | None, typer.Option(help="One model [default: all that were measured].")] = None,
    nfe: Annotated[str | None, typer.Option(help="Budgets: a comma list or a range [default: all].")] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Of each table, only so many lines.")] = None,
    published: Annotated[bool, typer.Option("--published", help="Lay published FIDs beside, never ranked.")] = False,
    certificate: Annotated[
        list[Path] | None, typer.Option(help="A site: JSON of benchbox check [--budget] --json, for samplers' pages.")
    ] = None,
    picture: Annotated[list[Path] | None, typer.Option(help="A site: a .png of benchbox plot.")] = None,
) -> None:
    """Rank the samplers in a results directory, per data set, model, metric, sample count and budget."""
    from benchbox.cli.rows import rows_in, usual_of
    from benchbox.report.ranking import boards

    for given, option in ((published, "--published"), (top, "--top")):
        if given and format_ in ("csv", "json"):
            raise UsageError(f"{option} goes with a format for people, not with {format_}.")
    budgets = _budget_list(nfe)
    if format_ == "html" and output is not None and not output.suffix:
        if metric or model or budgets or top or published:
            raise UsageError("a site shows everything: leave out --metric, --model, --nfe, --top and --published.")
        from benchbox.cli.site import site_of
        from benchbox.report.page.site import write_site

        write_site(site_of(rows_in(directory), certificate or [], picture or []), output)
        return
    rows = rows_in(directory)
    ranked = boards(rows)
    for what, name in (("metric", metric), ("model", model)):
        ranked = _only(ranked, what, name)
    if budgets:
        ranked = _at(ranked, budgets)
    if output is None:
        _write_report(ranked, usual_of(rows), format_, published, top, console)
        return
    text = StringIO()
    _write_report(ranked, usual_of(rows), format_, published, top, Console(file=text, width=WIDTH, emoji=False))
    with written(output) as file:
        file.write(text.getvalue().encode())


def _only(boards: list[Board], what: str, name: str | None) -> list[Board]:
    """The boards of one metric or model. UsageError for one that has none."""
    if name is None:
        return boards
    found = [board for board in boards if getattr(board.task, what) == name]
    if not found:
        raise unknown(f"{what} among the rows", name, {getattr(board.task, what) for board in boards})
    return found


def _budget_list(nfe: str | None) -> list[int]:
    """The budgets asked for; none where all are meant."""
    if nfe is None:
        return []
    from benchbox.commas import integers

    return integers(nfe, "--nfe", 1)


def _at(boards: list[Board], budgets: list[int]) -> list[Board]:
    """The boards of some budgets. UsageError where none has one."""
    found = [board for board in boards if board.budget in budgets]
    if not found:
        raise unknown("budget among the rows", str(budgets[0]), {str(board.budget) for board in boards if board.budget})
    return found


def _write_report(
    boards: list[Board], usual: Usual, format_: Format, published: bool, top: int | None, target: Console
) -> None:
    from benchbox.registry import registry
    from benchbox.report import data, formats
    from benchbox.report import published as others
    from benchbox.report.leaderboard import first, sheets

    if format_ in ("csv", "json"):
        target.file.write(data.boards_csv(boards) if format_ == "csv" else data.to_json(boards))
        return
    make = others.sheets_with_published if published else sheets
    shown = [first(sheet, top) for sheet in make(boards, usual, registry().biased_by)]
    if format_ == "table":
        if not shown:
            target.print("no row here has a value of a metric that is ranked (fid, w2, sw2 …).")
            return
        target.print(*formats.rich_tables(shown), sep="\n")
        return
    write = {"markdown": formats.markdown, "latex": formats.latex, "html": formats.html}[format_]
    target.file.write(write(shown))
