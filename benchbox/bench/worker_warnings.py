"""Warnings in a worker process: recorded while a task runs, sent with its result, and shown once each.

Nobody sees a worker's standard error, so a warning there would be lost, for example that weights do not fit. Ray's
tasks run in worker processes of the same kind.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import suppress
from functools import cache
from typing import Any

WARNINGS_KEY = "warnings"
"""The key of a report that holds them."""
MOST_WARNINGS, LONGEST_WARNING = 20, 500
"""The most warnings of a task, and the most characters of one."""


class WorkerWarning(UserWarning):
    """A warning from a worker process; its text begins with its category or its logger."""


class WarningRecorder:
    """Records each text once: the warnings that are shown, and the log records of level WARNING or higher.

    What silences warnings meanwhile does not silence those after it.
    """

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}

    def __enter__(self) -> WarningRecorder:
        self.warnings = warnings.catch_warnings()
        self.warnings.__enter__()
        self.show_warning, self.make_record = warnings.showwarning, logging.getLogRecordFactory()
        self.disabled = logging.root.manager.disable
        warnings.showwarning = self.on_warning
        logging.setLogRecordFactory(self.on_record)
        return self

    def __exit__(self, *_: object) -> None:
        self.warnings.__exit__(None, None, None)
        logging.setLogRecordFactory(self.make_record)
        logging.disable(self.disabled)

    def note(self, source: str, text: object) -> None:
        if len(self.texts) < MOST_WARNINGS:
            self.texts[" ".join(f"{source}: {text}".split())[:LONGEST_WARNING]] = None

    def on_warning(self, message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        self.note(category.__name__, message)
        self.show_warning(message, category, *rest, **more)

    def on_record(self, *arguments: Any, **more: Any) -> logging.LogRecord:
        """Make a log record; recording here also covers loggers that do not propagate to the root logger."""
        record = self.make_record(*arguments, **more)
        if record.levelno >= logging.WARNING:
            with suppress(Exception):  # the text and its arguments do not match: the handler reports it
                self.note(record.name, record.getMessage())
        return record


def show_warnings(report: dict[str, Any]) -> None:
    """Remove the warnings from a report, and show each once in this process."""
    texts = report.pop(WARNINGS_KEY, [])
    for text in texts if isinstance(texts, list) else []:
        _warn_once(str(text)[:LONGEST_WARNING])


@cache
def _warn_once(text: str) -> None:
    warnings.warn(WorkerWarning(text), stacklevel=3)
