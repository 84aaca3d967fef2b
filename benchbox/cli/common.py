"""What the commands share: the consoles, a progress bar, and how a user's mistake is said."""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchbox.errors import UsageError
from benchbox.store.paths import printable

WIDE = 140
"""Columns of a table that goes to a file or a pipe."""

NARROWEST = 80
"""Columns below which a table has no room for its words: it is written this wide, for the terminal to fold."""


def _console(stderr: bool) -> Console:
    ready = Console(stderr=stderr, highlight=False, emoji=False)
    if not ready.is_terminal and "COLUMNS" not in os.environ:
        ready.width = WIDE
    elif ready.width < NARROWEST:
        ready.width = NARROWEST
    return ready


console, errors = _console(stderr=False), _console(stderr=True)


def progress_bar(extra: str = "") -> Progress:
    """A rich progress bar on stderr, with time gone and time left."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn(extra), console=errors, disable=not errors.is_terminal,
    )  # fmt: skip


def devices(name: str) -> str:
    """The torch device that a name means; auto is CUDA where there is one. UsageError where it is not there."""
    from benchbox.bench.meter import usable  # here, because it imports torch

    return usable(name)


CLICK_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a command line that it cannot read, wherever this version of it keeps the class."""


def count_of(n: int, what: str) -> str:
    """1 cell, 2 cells, 1,000 cells."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def typed() -> str:
    """The command as it was typed."""
    return shlex.join(["benchbox", *sys.argv[1:]])


def say(sentence: object) -> None:
    """A sentence for the user, on one line of stderr."""
    errors.print(f"benchbox: {printable(' '.join(str(sentence).split()))}", markup=False, soft_wrap=True)


@contextmanager
def warnings_in_words() -> Iterator[None]:
    """Each warning of Python's is a sentence, which does not disturb the bars, in place of a line of source code."""

    def show(message: Warning | str, category: type[Warning], *_: object, **more: object) -> None:
        from benchbox.report.escape import plain_text

        who = "" if category.__name__ == "WorkerWarning" else f"{category.__name__}: "
        say(plain_text(f"warning: {who}{message}"))

    before, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    finally:
        warnings.showwarning = before


@contextmanager
def one_sentence() -> Iterator[None]:
    """A user's mistake becomes one sentence on stderr and exit status 2; an interrupt, exit status 130."""
    try:
        yield
    except UsageError as error:
        say(error)
        raise SystemExit(2) from None
    except CLICK_ERROR as error:
        text = error.format_message()  # type: ignore[attr-defined]
        say(f"{text[:1].lower()}{text[1:].rstrip('.')} (benchbox --help says what there is).")
        raise SystemExit(2) from None
    except (KeyboardInterrupt, typer.Abort):
        say("stopped.")
        raise SystemExit(130) from None
