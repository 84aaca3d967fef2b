"""benchbox results: a results directory checked, made smaller, put together with others, tidied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from benchbox.cli.common import console, counted, progress_bar, say
from benchbox.errors import UsageError

app = typer.Typer(help="Verify, compact, merge and prune results directories.")

T = TypeVar("T")
Directory = Annotated[Path, typer.Argument(help="A results directory.")]


@app.command()
def verify(directory: Directory = Path("results")) -> None:
    """Read every file and check every row; name what is damaged, foreign, newer or not honest (exit status 1)."""
    from benchbox.bench.configuration import load
    from benchbox.report.publish import SAME, fault
    from benchbox.store.store import Store
    from benchbox.store.verify import verify as check

    store = Store(there(directory))
    problems = check(store, fault, SAME, load, track)
    for problem in problems:
        say(problem)
    files, rows = len(store.files()), len(store.table())
    found = counted(len(problems), "problem") if problems else "all is well"
    done(f"{directory} has {counted(rows, 'row')} in {counted(files, 'file')}: {found}.")
    raise SystemExit(1 if problems else 0)


@app.command()
def compact(directory: Directory = Path("results")) -> None:
    """Put the rows of all cells into one file; refused while a process works in the directory."""
    from benchbox.store.compaction import compact as make_one
    from benchbox.store.store import Store

    store = Store(there(directory))
    files, rows = make_one(store, track)
    for problem in store.problems:
        say(problem)
    made = (
        f"made one file of {counted(files, 'file')}, with {counted(rows, 'row')},"
        if files
        else "there is nothing to compact"
    )
    done(f"{made} in {directory}.")


@app.command()
def merge(
    directories: Annotated[list[Path], typer.Argument(help="Results directories, or published folders.")],
    into: Annotated[Path, typer.Option("--into", help="The results directory that takes them in.")],
) -> None:
    """Take in the rows and statistics of other directories; of a cell that several have, the last one that is done."""
    from benchbox.report.publish import fault
    from benchbox.store.merging import merge as take_in
    from benchbox.store.store import Store

    places = [place for directory in directories for place in below(there(directory))]
    if into.resolve() in {place.resolve() for place in places}:
        raise UsageError(f"{into} is among the directories that are merged into it: leave it out.")
    rows, statistics, busy, problems = take_in(Store(into), [Store(place) for place in places], fault, track)
    for problem in problems:
        say(problem)
    done(f"{into} took in {counted(rows, 'row')} and {counted(statistics, 'file')} of statistics{left(busy)}.")


@app.command()
def prune(
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
        done(f"would remove {counted(len(found), 'file')} in {directory}, or rows in them.")
        return
    busy = remove(store, found)
    done(f"removed {counted(len(found) - busy, 'file')} in {directory}, or rows in them{left(busy)}.")


def there(directory: Path) -> Path:
    """The directory. UsageError where there is none."""
    if not directory.is_dir():
        raise UsageError(f"there is no results directory {directory}.")
    return directory


def below(directory: Path) -> list[Path]:
    """It and the directories in it that hold rows: a published folder has them in one of these."""
    return sorted({directory, *(path.parent for path in directory.rglob("*.parquet"))})


def left(busy: int) -> str:
    return f"; left {counted(busy, 'cell')} that a process is at" if busy else ""


def done(sentence: str) -> None:
    console.print(sentence, markup=False, soft_wrap=True)


def track(items: Sequence[T], what: str) -> Iterator[T]:
    """The items one by one, with a bar."""
    with progress_bar() as bar:
        yield from bar.track(items, description=what)
