"""What a row names that a rerun would load: code and files, at the word of whoever wrote the row."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from benchbox.errors import UsageError
from benchbox.options import alternatives, defaults, hints
from benchbox.registry import registry
from benchbox.store.values import split_label

StoredRow = Mapping[str, Any]

PARTS = ("sampler", "model", "schedule", "grid", "guidance")


def loads(row: StoredRow) -> list[str]:
    """What a rerun would load at the row's word: code and files that its options name."""
    named = [(kind, known(kind, row) or str(row.get(kind)), of_text(row, f"{kind}_options")) for kind in PARTS]
    named += [("metric", split_label(label)[0], options) for label, options in stored_metrics(row).items()]
    return [f"{kind} {name}: {what}" for kind, name, options in named for what in foreign(kind, name, options)]


def foreign(kind: str, name: str, options: StoredRow) -> Iterator[str]:
    """Options that take a path or look like one, and those that a plugin must be given, such as a function's name."""
    found = registry().matches(kind, name)
    types_ = hints(found[0].cls) if found else {}
    required = {option for option, default in defaults(found[0].cls).items() if default is MISSING} if found else set()
    for option, value in texts(options):
        takes_path = Path in alternatives(types_.get(option, str))
        if takes_path or option in required or Path(value).suffix or os.sep in value:
            yield f"{option}={value}"


def texts(value: Any, option: str = "") -> Iterator[tuple[str, str]]:
    """All text in options, with the name of the option that it is in; in nested plugins and lists, too."""
    if isinstance(value, str):
        yield option, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, option)


def known(kind: str, row: StoredRow) -> str | None:
    """The plugin that a row's column names; a model's title may say more after a colon."""
    title = str(row.get(kind))
    names = [title, title.partition(":")[0]] if kind == "model" else [title]
    return next((name for name in names if registry().matches(kind, name)), None)


def of_text(row: StoredRow, column: str) -> dict[str, Any]:
    """The JSON object in a column. UsageError where it is none."""
    try:
        value = json.loads(row.get(column) or "{}")
    except (ValueError, TypeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UsageError(f"the row of cell {row.get('cell')} cannot be rerun: its {column} are no JSON object.")
    return value


def stored_metrics(row: StoredRow) -> dict[str, dict[str, Any]]:
    """The options of each value of a metric of a row, by its label. UsageError where they are none."""
    found = of_text(row, "metric_options")
    if not all(isinstance(options, dict) for options in found.values()):
        raise UsageError(f"the row of cell {row.get('cell')} cannot be rerun: its metric_options are not options.")
    return found
