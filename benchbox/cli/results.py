"""benchbox results: verify, compact, merge and prune results directories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from benchbox.cli.common import console, progress_bar, say
from benchbox.cli.rows import row_directories
from benchbox.errors import UsageError
from benchbox.report.table import count_of

results_app = typer.Typer(help="Verify, compact, merge and prune results directories.")

Tracked = TypeVar("Tracked")
Directory = Annotated[Path, typer.Argument(help="A results directory.")]


@results_app.command("verify")
def verify_directory(directory: Directory = Path("results")) -> None:
    """Read every file and check every row; report damaged, foreign, newer and dishonest ones (exit status 1)."""
    from benchbox.bench.request import load_configuration
    from benchbox.report.publish import STREAM_COLUMNS, row_fault
    from benchbox.store.store import Store
    from benchbox.store.verify import verify

    store = Store(existing(directory))
    problems = verify(store, row_fault, STREAM_COLUMNS, load_configuration, track)
    for problem in problems:
        say(problem)
    files, rows = len(store.files()), len(store.table())
    verdict = count_of(len(problems), "problem") if problems else "no problems"
    report(f"{directory} has {count_of(rows, 'row')} in {count_of(files, 'file')}: {verdict}.")
    raise SystemExit(1 if problems else 0)


@results_app.command("compact")
def compact_rows(directory: Directory = Path("results")) -> None:
    """Put the rows of all cells into one file; refused while a process is working in the directory."""
    from benchbox.store.compaction import compact
    from benchbox.store.store import Store

    store = Store(existing(directory))
    files, rows = compact(store, track)
    for problem in store.problems:
        say(problem)
    if files:
        report(f"compacted {count_of(files, 'file')} with {count_of(rows, 'row')} into one file in {directory}.")
    else:
        report(f"there is nothing to compact in {directory}.")


@results_app.command("merge")
def merge_directories(
    directories: Annotated[list[Path], typer.Argument(help="Results directories, or published folders.")],
    into: Annotated[Path, typer.Option("--into", help="The results directory to merge into.")],
) -> None:
    """Merge rows and statistics of other directories; of a cell that several have, the latest finished one is kept."""
    from benchbox.report.publish import row_fault
    from benchbox.store.merging import merge
    from benchbox.store.store import Store

    sources = [source for directory in directories for source in row_directories(existing(directory))]
    if into.resolve() in {source.resolve() for source in sources}:
        raise UsageError(f"{into} is both a source and the target: leave it out of the sources.")
    rows, statistics, busy, problems = merge(Store(into), [Store(source) for source in sources], row_fault, track)
    for problem in problems:
        say(problem)
    report(f"merged {count_of(rows, 'row')} and {count_of(statistics, 'statistics file')} into {into}{skipped(busy)}.")


@results_app.command("prune")
def prune_directory(
    directory: Directory = Path("results"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be removed.")] = False,
) -> None:
    """Remove rows that would be measured again anyway, damaged and partial files, and statistics without a row."""
    from benchbox.store.prune import prune, removals
    from benchbox.store.store import Store

    store = Store(existing(directory))
    removed = removals(store, track)
    for path, why in removed:
        console.print(f"{path.name} {why}", markup=False, soft_wrap=True)
    if dry_run:
        report(f"would remove {count_of(len(removed), 'file')} in {directory}, or rows in them.")
        return
    busy = prune(store, removed)
    report(f"removed {count_of(len(removed) - busy, 'file')} in {directory}, or rows in them{skipped(busy)}.")


def existing(directory: Path) -> Path:
    """The directory. UsageError if it does not exist."""
    if not directory.is_dir():
        raise UsageError(f"there is no results directory {directory}.")
    return directory


def skipped(busy: int) -> str:
    return f"; skipped {count_of(busy, 'cell')} that a process is working on" if busy else ""


def report(sentence: str) -> None:
    console.print(sentence, markup=False, soft_wrap=True)


def track(items: Sequence[Tracked], label: str) -> Iterator[Tracked]:
    """The items one by one, with a progress bar."""
    with progress_bar() as bar:
        yield from bar.track(items, description=label)
