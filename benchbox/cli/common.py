"""What the commands share: the consoles, a progress bar, and how a user's mistake is said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchbox.errors import UsageError

WIDE = 140
"""Columns of a table that goes to a file or a pipe."""


def _console(stderr: bool) -> Console:
    ready = Console(stderr=stderr, highlight=False)
    return ready if ready.is_terminal or "COLUMNS" in os.environ else Console(stderr=stderr, highlight=False, width=WIDE)


console, errors = _console(stderr=False), _console(stderr=True)


def progress_bar(extra: str = "") -> Progress:
    """A rich progress bar on stderr, with time gone and time left."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn(extra), console=errors,
    )  # fmt: skip


def devices(name: str) -> str:
    """The torch device that a name means; auto is CUDA where there is one. UsageError where it is not there."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {name!r} cannot be used here: {error}".splitlines()[0]) from None
    return name


@contextmanager
def one_sentence() -> Iterator[None]:
    """A user's mistake becomes one sentence on stderr and exit status 2."""
    try:
        yield
    except UsageError as error:
        errors.print(f"benchbox: {error}", markup=False, soft_wrap=True)
        raise SystemExit(2) from None
