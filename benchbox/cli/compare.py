"""benchbox compare: two samplers, or two results directories, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbox.cli.common import console
from benchbox.errors import UsageError


def compare(
    a: Annotated[
        str,
        typer.Argument(help="A sampler, as named on the leaderboard (or 'ddim, grid file'), or a results directory."),
    ],
    b: Annotated[str, typer.Argument(help="The other sampler, or the other results directory.")],
    results: Annotated[Path, typer.Option(help="Results directory, when comparing two samplers.")] = Path("results"),
) -> None:
    """The difference between two samplers, or two results directories, at each budget, with its 95 % interval."""
    from benchbox.cli.rows import defaults_for, rows_in
    from benchbox.report.compare import COMPARE_LEGEND, of_directories, of_samplers, pair_sheets
    from benchbox.report.formats import rich_table
    from benchbox.report.ranking import boards

    if Path(a).is_dir() and Path(b).is_dir():
        first, second = rows_in(Path(a)), rows_in(Path(b))
        defaults = defaults_for(first, second)
        pairs = of_directories(boards(first), boards(second))
        missing = f"{a} and {b} have no cell in common: no sampler was measured on one task and budget in both."
    else:
        rows = rows_in(results)
        defaults = defaults_for(rows)
        pairs = of_samplers(boards(rows), a, b, defaults)
        missing = (
            f"{a} and {b} share no board in {results}: "
            "measure both with the same model, guidance, budget, schedule and grid."
        )
    if not pairs:
        raise UsageError(missing)
    for sheet in pair_sheets(pairs, defaults):
        console.print(rich_table(sheet))
    console.print(COMPARE_LEGEND, style="dim", markup=False)
