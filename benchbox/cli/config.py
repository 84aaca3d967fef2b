"""Options of a command, read from a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from benchbox.commas import quoted
from benchbox.errors import UsageError, unknown
from benchbox.files import reading, text_in


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take the values of a TOML file as defaults of the options; the command line takes precedence."""
    if path is None:
        return None
    text = text_in(path, "a TOML file")
    with reading(path, "a TOML file"):
        values = tomllib.loads(text)
    names = {p.name.rstrip("_"): p.name for p in context.command.params if p.name}
    for name in values:
        if name.replace("-", "_") not in names:
            raise unknown(f"option in {path}", name, [n.replace("_", "-") for n in names])
    context.default_map = {names[k.replace("-", "_")]: as_typed(k, v) for k, v in values.items()}
    return path


def as_typed(name: str, value: Any) -> str | list[str]:
    """A TOML value in the syntax of the command line: a list becomes a comma list; for --set, one text per item."""
    if name == "set":
        items = (
            list(settings_words(value)) if isinstance(value, dict) else value if isinstance(value, list) else [value]
        )
        return [scalar(name, item) for item in items]
    if isinstance(value, list):
        return ",".join(quoted(scalar(name, item)) for item in value)
    return scalar(name, value)


def scalar(name: str, value: Any) -> str:
    """Text, a number or a boolean as text, with ~ expanded as a shell would. UsageError for other values."""
    if not isinstance(value, str | int | float):
        shown = str(value)[:60]
        raise UsageError(f"{name} = {shown} is not valid: use text, a number, true, false or a list of these.")
    return os.path.expanduser(str(value))


def settings_words(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """OPTION=V,… for each entry of a table; TOML reads ddim.eta = 1 as a nested table."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from settings_words(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={as_typed(key, value)}"
