"""External code and files that a rerun of a row would load, because the row names them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from benchbox.coercion import alternatives
from benchbox.errors import UsageError
from benchbox.options import defaults, hints
from benchbox.registry import registry
from benchbox.store.values import split_label

StoredRow = Mapping[str, Any]

ROW_PLUGINS = ("sampler", "model", "schedule", "grid", "guidance", "problem")


def loads(row: StoredRow) -> list[str]:
    """The code and the files that the options of a row name, one line for each."""
    plugins = [
        (kind, known_plugin(kind, row) or str(row.get(kind)), json_object(row, f"{kind}_options"))
        for kind in ROW_PLUGINS
    ]
    plugins += [("metric", split_label(label)[0], options) for label, options in stored_metrics(row).items()]
    return [
        f"{kind} {name}: {option}"
        for kind, name, options in plugins
        for option in external_options(kind, name, options)
    ]


def external_options(kind: str, name: str, options: StoredRow) -> Iterator[str]:
    """Options of a type or value that is a path, and options without a default, such as a function's name."""
    offers = registry().matches(kind, name)
    types_ = hints(offers[0].cls) if offers else {}
    option_defaults = defaults(offers[0].cls) if offers else {}
    required = {option for option, default in option_defaults.items() if default is MISSING}
    for option, value in text_values(options):
        takes_path = Path in alternatives(types_.get(option, str))
        if takes_path or option in required or Path(value).suffix or os.sep in value:
            yield f"{option}={value}"


def text_values(value: Any, option: str = "") -> Iterator[tuple[str, str]]:
    """All text in options, with the name of its option; nested plugins and lists included."""
    if isinstance(value, str):
        yield option, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from text_values(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from text_values(inner, option)


def known_plugin(kind: str, row: StoredRow) -> str | None:
    """The registered plugin that a row's column names; a model's title may continue after a colon."""
    title = str(row.get(kind))
    names = [title, title.partition(":")[0]] if kind == "model" else [title]
    return next((name for name in names if registry().matches(kind, name)), None)


def json_object(row: StoredRow, column: str) -> dict[str, Any]:
    """The JSON object in a column. UsageError for any other text."""
    try:
        value = json.loads(row.get(column) or "{}")
    except (ValueError, TypeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UsageError(f"the row of cell {row.get('cell')} cannot be rerun: its {column} are not a JSON object.")
    return value


def stored_metrics(row: StoredRow) -> dict[str, dict[str, Any]]:
    """The options of each metric of a row, by label. UsageError where they are not JSON objects."""
    metrics = json_object(row, "metric_options")
    if not all(isinstance(options, dict) for options in metrics.values()):
        raise UsageError(f"the row of cell {row.get('cell')} cannot be rerun: its metric_options are not options.")
    return metrics
