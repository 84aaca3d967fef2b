"""Shared by the commands: consoles, a progress bar, and messages for user error_console."""

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
"""Columns of a table that is written to a file or a pipe."""

NARROWEST = 80
"""The least width of a table: a narrower terminal wraps its lines."""


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    elif console.width < NARROWEST:
        console.width = NARROWEST
    return console


console, error_console = _console(stderr=False), _console(stderr=True)


def progress_bar(extra: str = "") -> Progress:
    """A rich progress bar on stderr, with elapsed and remaining time."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn(extra), console=error_console, disable=not error_console.is_terminal,
    )  # fmt: skip


CLICK_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""The base class of typer's errors about a command line; its module differs between versions of typer."""


def command_line() -> str:
    return shlex.join(["benchbox", *sys.argv[1:]])


def say(sentence: object) -> None:
    """Print a message for the user on one line of stderr."""
    error_console.print(f"benchbox: {printable(' '.join(str(sentence).split()))}", markup=False, soft_wrap=True)


@contextmanager
def warnings_as_sentences() -> Iterator[None]:
    """Print Python warnings as sentences that do not disturb the progress bars, without source lines."""

    def show(message: Warning | str, category: type[Warning], *_: object, **more: object) -> None:
        from benchbox.report.escape import plain_text

        prefix = "" if category.__name__ == "WorkerWarning" else f"{category.__name__}: "
        say(plain_text(f"warning: {prefix}{message}"))

    before, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    finally:
        warnings.showwarning = before


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Report a user error in one sentence on stderr with exit status 2; an interrupt gives exit status 130."""
    try:
        yield
    except UsageError as error:
        say(error)
        raise SystemExit(2) from None
    except CLICK_ERROR as error:
        text, context = error.format_message(), error.ctx  # type: ignore[attr-defined]  # of typer's own click
        command = context.command_path if context else "benchbox"
        say(f"{text[:1].lower()}{text[1:].rstrip('.')} (see {command} --help).")
        raise SystemExit(2) from None
    except (KeyboardInterrupt, typer.Abort):
        say("stopped.")
        raise SystemExit(130) from None
