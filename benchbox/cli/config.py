"""The options of a command from a TOML file."""

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
    """A sweep.toml gives defaults under the names of the options; the command line wins."""
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
    """A value as the command line writes it: lists with commas, but --set once per item."""
    if name == "set":
        items = (
            list(settings_words(value)) if isinstance(value, dict) else value if isinstance(value, list) else [value]
        )
        return [scalar(name, item) for item in items]
    if isinstance(value, list):
        return ",".join(quoted(scalar(name, item)) for item in value)
    return scalar(name, value)


def scalar(name: str, value: Any) -> str:
    """Text, a number or a boolean, as text; ~ is the user's folder, as no shell has seen it. UsageError."""
    if not isinstance(value, str | int | float):
        said = str(value)[:60]
        raise UsageError(f"{name} = {said} is not valid in TOML: it takes text, numbers, true, false or lists of them.")
    return os.path.expanduser(str(value))


def settings_words(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """OPTION=V,… of a table; TOML reads ddim.eta = 1 as a table ddim in it."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from settings_words(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={as_typed(key, value)}"
