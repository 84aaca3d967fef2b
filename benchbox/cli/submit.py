"""benchbox submit: check rows as the keeper of a leaderboard does before they are accepted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchbox.cli.common import console, progress_bar, say

if TYPE_CHECKING:
    import pandas as pd


def submit(
    directory: Annotated[Path, typer.Argument(help="A results directory, or a published folder.")] = Path("results"),
    tolerance: Annotated[
        float, typer.Option(min=0, help="Relative difference of a metric that is accepted in the row measured again.")
    ] = 0.01,
    seed: Annotated[int | None, typer.Option(help="Which row is measured again [default: a random one].")] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Load the code and files that the rows name.")] = False,
    timeout: Annotated[float | None, typer.Option(min=0, help="Time limit for that row, in seconds.")] = None,
) -> None:
    """Verify the rows, certify their samplers, and measure one row again. Exit status 1 if any of it fails."""
    from benchbox.cli.rows import rows_in

    rows = rows_in(directory)
    again = deviations(rows, seed, trust, timeout, tolerance)
    problems = 0
    for problem in chain(row_refusals(directory, rows), failed_certificates(rows), again):
        problems += 1
        say(problem)
    verdict = "not accepted" if problems else "accepted"
    console.print(f"{directory}: {len(rows):,} rows, {verdict}.", markup=False, soft_wrap=True)
    raise SystemExit(1 if problems else 0)


def row_refusals(directory: Path, rows: pd.DataFrame) -> Iterator[str]:
    """What `benchbox results verify` and `benchbox publish` would refuse."""
    from benchbox.bench.request import load_configuration
    from benchbox.cli.results import track
    from benchbox.cli.rows import directories_read
    from benchbox.errors import UsageError
    from benchbox.report.publish import STREAM_COLUMNS, check_publishable, row_fault
    from benchbox.store.store import Store
    from benchbox.store.verify import verify

    for folder in directories_read(directory):
        yield from verify(Store(folder), row_fault, STREAM_COLUMNS, load_configuration, track)
    try:
        check_publishable(rows)
    except UsageError as error:
        yield str(error)


def failed_certificates(rows: pd.DataFrame) -> Iterator[str]:
    """A sentence for each sampler of the rows that fails its certificate, or cannot have one."""
    from benchbox.errors import UsageError
    from benchbox.exact.conformance import certificate_of
    from benchbox.report.submission import samplers_of

    with progress_bar("{task.fields[step]}") as bar:
        task = bar.add_task("", total=None, step="")
        for name, sampler in samplers_of(rows):
            bar.reset(task, total=None, description=name, step="")
            if isinstance(sampler, UsageError):
                yield f"{name} has no certificate: {sampler}"
                continue
            made = certificate_of(sampler, quick=True, tick=lambda step: bar.update(task, advance=1, step=step))
            failed = [result.name for result in made.failures]
            if failed:
                yield f"{name} fails its certificate ({', '.join(failed)}): see benchbox check {name}."
            else:
                console.print(f"{name}: certificate passed", markup=False)


def deviations(
    rows: pd.DataFrame, seed: int | None, trust: bool, timeout: float | None, tolerance: float
) -> Iterator[str]:
    """One row is measured again, in a directory of its own: a sentence for each value that differs."""
    from tempfile import TemporaryDirectory

    from benchbox.cli.rerun import cell_of, comparison_table, run_again
    from benchbox.errors import UsageError
    from benchbox.report.submission import chosen_row, differing_values
    from benchbox.store.store import Store

    old: dict[str, Any] | None = chosen_row(rows, seed)
    if old is None:
        yield "no row is done and made by benchbox: there is nothing to measure again."
        return
    with TemporaryDirectory() as scratch:
        try:
            store = Store(Path(scratch))
            new = run_again(cell_of(old, None, trust, anyway=True), store, timeout, old)
        except UsageError as error:
            yield f"cell {old['cell']} cannot be measured again: {error}"
            return
    console.print(comparison_table(old, new))
    for name in differing_values(old, new, tolerance):
        yield f"cell {old['cell']} was measured again: {name} was {old.get(name)} and is {new.get(name)}."
