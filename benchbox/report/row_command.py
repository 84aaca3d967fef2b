"""The command in a row: what it names was chosen, and the rest had its default. It may be any text, or empty."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import pairwise
from typing import Any

from benchbox.commas import comma_list
from benchbox.errors import UsageError

Named = Mapping[str, Sequence[str]]
"""The options of a command, each with its values."""


@lru_cache(4096)
def named_options(command: str) -> Named:
    """The options that a command names; {} for text that is no command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return {}
    options: dict[str, list[str]] = {}
    for word, following in pairwise([*words, ""]):
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            options.setdefault(name, []).append(value if equals else following)
    return options


def is_complete(command: str) -> bool:
    """Whether all options that a command does not name had their defaults: it is `benchbox run` without a file."""
    return command.split()[1:2] == ["run"] and bool(named_options(command)) and "--config" not in named_options(command)


def set_options(command: str) -> set[str]:
    """The options of plugins that a command sets, without the names of the plugins."""
    return {setting.partition("=")[0].rpartition(".")[2] for setting in named_options(command).get("--set", ())}


def changed(options: Mapping[str, Any], command: str) -> dict[str, Any]:
    """The options of a plugin without those that were left at their defaults by the command that measured them."""
    return {o: v for o, v in options.items() if not is_complete(command) or o in set_options(command)}


def model_in(command: str) -> str:
    """The model in a command; "" unless there is exactly one."""
    for value in named_options(command).get("--model", ()):
        with suppress(UsageError):
            models = comma_list(value)
            return models[0] if len(models) == 1 else ""
    return ""
