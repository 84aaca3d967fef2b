"""What the libraries in a worker process warn of: recorded beside the task, sent with its part, told once each.

A worker's standard error goes to nobody, so a warning there would be lost: that weights do not fit, say. Ray's tasks
run in worker processes of the same kind.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import suppress
from functools import cache
from typing import Any

WARNINGS_KEY = "warnings"
"""Where a part says them."""
MOST_WARNINGS, LONGEST_WARNING = 20, 500
"""Warnings of one task, and characters of one."""


class WorkerWarning(UserWarning):
    """A warning from a worker process; its text begins with who gave it, a category or a logger."""


class WarningRecorder:
    """Records each text once: warnings that are shown, and what loggers say at that level, whoever handles it."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}

    def __enter__(self) -> WarningRecorder:
        self.show, self.make = warnings.showwarning, logging.getLogRecordFactory()
        warnings.showwarning = self.warned
        logging.setLogRecordFactory(self.logged)
        return self

    def __exit__(self, *_: object) -> None:
        warnings.showwarning = self.show
        logging.setLogRecordFactory(self.make)

    def note(self, who: str, what: object) -> None:
        if len(self.texts) < MOST_WARNINGS:
            self.texts[" ".join(f"{who}: {what}".split())[:LONGEST_WARNING]] = None

    def warned(self, message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        self.note(category.__name__, message)
        self.show(message, category, *rest, **more)

    def logged(self, *arguments: Any, **more: Any) -> logging.LogRecord:
        """A logger's record is made here before any handler sees it; not every library lets it get to the root's."""
        record = self.make(*arguments, **more)
        if record.levelno >= logging.WARNING:
            with suppress(Exception):  # the text and its arguments do not go together: the handler says so
                self.note(record.name, record.getMessage())
        return record


def tell(said: dict[str, Any]) -> None:
    """Take the warnings out of what a part says, and give each once in this process."""
    texts = said.pop(WARNINGS_KEY, [])
    for text in texts if isinstance(texts, list) else []:
        _tell(str(text)[:LONGEST_WARNING])


@cache
def _tell(text: str) -> None:
    warnings.warn(WorkerWarning(text), stacklevel=3)
