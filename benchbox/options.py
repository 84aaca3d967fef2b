"""The options of a plugin, the fields of its dataclass: their defaults, an instance from values, and values as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from benchbox.coercion import KIND_OF, Resolve, coerce, type_words
from benchbox.errors import UsageError, unknown
from benchbox.grid import Grid
from benchbox.model import Model
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule


@cache
def hints(cls: type) -> dict[str, Any]:
    """The option names of a plugin class and their types."""
    types_ = get_type_hints(cls, localns={k.__name__: k for k in KIND_OF})
    return {f.name: types_[f.name] for f in option_fields(cls)}


def option_fields(cls: type) -> tuple[Field[Any], ...]:
    return fields(cls) if is_dataclass(cls) else ()


def defaults(cls: type) -> dict[str, Any]:
    """Option names to default values; MISSING for a required option."""
    return {f.name: f.default_factory() if f.default_factory is not MISSING else f.default for f in option_fields(cls)}


def default_values(cls: type) -> dict[str, Any]:
    """The options that have a default, with it as a JSON value."""
    return {name: json_value(value) for name, value in defaults(cls).items() if value is not MISSING}


def build(cls: type, values: Mapping[str, Any], resolve: Resolve) -> Any:
    """An instance of a plugin class from option values or their text. UsageError for an option that is not valid."""
    name, types_ = getattr(cls, "name", cls.__name__), hints(cls)
    for option in values:
        if option not in types_:
            raise unknown(f"option of {name}", option, types_)
    for option, default in defaults(cls).items():
        if default is MISSING and option not in values:
            raise UsageError(
                f"{name} needs the option {option}: give it with --set {name}.{option}={type_words(types_[option])}."
            )
    coerced = {option: coerce(types_[option], value, f"{name}.{option}", resolve) for option, value in values.items()}
    try:
        return cls(**coerced)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name}: {error}") from error


def describe(plugin: Any) -> dict[str, Any]:
    """The options of an instance as JSON values; nested plugins include their name.

    An option that was added `later` (metadata of its field) is left out at its default, so that rows from before it
    are of the same cell.
    """
    return {
        f.name: json_value(value)
        for f in option_fields(type(plugin))
        if (value := getattr(plugin, f.name)) != f.default or not f.metadata.get("later")
    }


def json_value(value: Any) -> Any:
    if isinstance(value, Schedule | Sampler | Grid | Model):
        return {"name": value.name, **describe(value)}
    if isinstance(value, tuple):
        return [json_value(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, Path) else value


def option_values(plugin: Any) -> Iterator[Any]:
    for option in fields(plugin):
        value = getattr(plugin, option.name)
        yield value
        if isinstance(value, tuple(KIND_OF)):
            yield from option_values(value)
