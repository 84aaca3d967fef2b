"""benchbox results: a results directory checked, made smaller, put together with others, tidied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from benchbox.cli.common import console, count_of, progress_bar, say
from benchbox.errors import UsageError

results_app = typer.Typer(help="Verify, compact, merge and prune results directories.")

Tracked = TypeVar("Tracked")
Directory = Annotated[Path, typer.Argument(help="A results directory.")]


@results_app.command("verify")
def verify_directory(directory: Directory = Path("results")) -> None:
    """Read every file and check every row; name what is damaged, foreign, newer or not honest (exit status 1)."""
    from benchbox.bench.configuration import load_configuration
    from benchbox.report.publish import STREAM_COLUMNS, row_fault
    from benchbox.store.store import Store
    from benchbox.store.verify import verify as check

    store = Store(there(directory))
    problems = check(store, row_fault, STREAM_COLUMNS, load_configuration, track)
    for problem in problems:
        say(problem)
    files, rows = len(store.files()), len(store.table())
    found = count_of(len(problems), "problem") if problems else "all is well"
    done(f"{directory} has {count_of(rows, 'row')} in {count_of(files, 'file')}: {found}.")
    raise SystemExit(1 if problems else 0)


@results_app.command("compact")
def compact_rows(directory: Directory = Path("results")) -> None:
    """Put the rows of all cells into one file; refused while a process works in the directory."""
    from benchbox.store.compaction import compact as make_one
    from benchbox.store.store import Store

    store = Store(there(directory))
    files, rows = make_one(store, track)
    for problem in store.problems:
        say(problem)
    made = (
        f"made one file of {count_of(files, 'file')}, with {count_of(rows, 'row')},"
        if files
        else "there is nothing to compact"
    )
    done(f"{made} in {directory}.")


@results_app.command("merge")
def merge_directories(
    directories: Annotated[list[Path], typer.Argument(help="Results directories, or published folders.")],
    into: Annotated[Path, typer.Option("--into", help="The results directory that takes them in.")],
) -> None:
    """Take in the rows and statistics of other directories; of a cell that several have, the last one that is done."""
    from benchbox.report.publish import row_fault
    from benchbox.store.merging import merge as take_in
    from benchbox.store.store import Store

    places = [place for directory in directories for place in below(there(directory))]
    if into.resolve() in {place.resolve() for place in places}:
        raise UsageError(f"{into} is among the directories that are merged into it: leave it out.")
    rows, statistics, busy, problems = take_in(Store(into), [Store(place) for place in places], row_fault, track)
    for problem in problems:
        say(problem)
    done(f"{into} took in {count_of(rows, 'row')} and {count_of(statistics, 'file')} of statistics{left(busy)}.")


@results_app.command("prune")
def prune_directory(
    directory: Directory = Path("results"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be removed.")] = False,
) -> None:
    """Remove rows that are tried again anyway, damaged and half-written files, statistics of no row."""
    from benchbox.store.prune import prune as remove
    from benchbox.store.prune import removals
    from benchbox.store.store import Store

    store = Store(there(directory))
    found = removals(store, track)
    for path, why in found:
        console.print(f"{path.name} {why}", markup=False, soft_wrap=True)
    if dry_run:
        done(f"would remove {count_of(len(found), 'file')} in {directory}, or rows in them.")
        return
    busy = remove(store, found)
    done(f"removed {count_of(len(found) - busy, 'file')} in {directory}, or rows in them{left(busy)}.")


def there(directory: Path) -> Path:
    """The directory. UsageError where there is none."""
    if not directory.is_dir():
        raise UsageError(f"there is no results directory {directory}.")
    return directory


def below(directory: Path) -> list[Path]:
    """It and the directories in it that hold rows: a published folder has them in one of these."""
    return sorted({directory, *(path.parent for path in directory.rglob("*.parquet"))})


def left(busy: int) -> str:
    return f"; left {count_of(busy, 'cell')} that a process is at" if busy else ""


def done(sentence: str) -> None:
    console.print(sentence, markup=False, soft_wrap=True)


def track(items: Sequence[Tracked], what: str) -> Iterator[Tracked]:
    """The items one by one, with a bar."""
    with progress_bar() as bar:
        yield from bar.track(items, description=what)
