"""benchbox compare: two samplers, or two results directories, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbox.cli.common import console
from benchbox.errors import UsageError


def compare(
    a: Annotated[str, typer.Argument(help="A sampler as the leaderboard names it, or a results directory.")],
    b: Annotated[str, typer.Argument(help="Another one.")],
    results: Annotated[Path, typer.Option(help="Directory of the rows, for two samplers.")] = Path("results"),
) -> None:
    """The difference of two samplers, or of two results directories, at each budget, with its interval."""
    from benchbox.cli.rows import rows_in, usual_of
    from benchbox.report.compare import COMPARE_LEGEND, of_directories, of_samplers, pair_sheets
    from benchbox.report.formats import rich_table
    from benchbox.report.ranking import boards

    if Path(a).is_dir() and Path(b).is_dir():
        first, second = rows_in(Path(a)), rows_in(Path(b))
        usual = usual_of(first, second)
        pairs = of_directories(boards(first), boards(second))
        missing = f"{a} and {b} have nothing in common: no task, budget and sampler is measured in both."
    else:
        rows = rows_in(results)
        usual = usual_of(rows)
        pairs = of_samplers(boards(rows), a, b, usual)
        missing = f"{a} and {b} share no board in {results}: measure both with one model, budget, schedule and grid."
    if not pairs:
        raise UsageError(missing)
    for sheet in pair_sheets(pairs, usual):
        console.print(rich_table(sheet))
    console.print(COMPARE_LEGEND, style="dim", markup=False)
