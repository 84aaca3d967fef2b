"""The options of a plugin, the fields of its dataclass: parsed from text, validated, and written as JSON."""

from __future__ import annotations

import inspect
import math
import operator
import os
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from benchbox.errors import UsageError, unknown
from benchbox.grid import Grid
from benchbox.model import Model
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

KIND_OF: dict[type, str] = {Schedule: "schedule", Sampler: "sampler", Grid: "grid", Model: "model"}
"""Classes of plugins that may be the value of an option, given by name."""

Resolve = Callable[..., Any]
"""(kind, name) or (kind, name, options) to a plugin instance."""


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


def coerce(hint: Any, value: Any, where: str, resolve: Resolve) -> Any:
    """The value converted to the type. UsageError, with what would be valid, where it cannot be."""
    for option in alternatives(hint):
        try:
            return _coerce(option, value, resolve)
        except (ValueError, TypeError, OverflowError):
            continue
    raise UsageError(f"{where}={value} is not valid: it takes {type_words(hint)}.")


def _coerce(hint: Any, value: Any, resolve: Resolve) -> Any:
    text = isinstance(value, str)
    if hint is type(None):
        if value is None or (text and value.lower() == "none"):
            return None
        raise ValueError
    if hint in KIND_OF:
        return _plugin(hint, value, resolve)
    if get_origin(hint) is Literal:
        return _one_of(value, get_args(hint))
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value, resolve)
    if hint is bool:
        return _bool(value) if text else _instance(value, bool)
    if isinstance(value, bool):
        raise ValueError
    if hint is float:
        number = float(value)
        if math.isnan(number):
            raise ValueError
        return number
    if hint is int:
        return int(value) if text else operator.index(value)
    if hint is Path:
        return Path(os.path.expanduser(value))  # the shell does not expand ~ in a value of --set
    return value if hint is Any else _instance(value, hint if inspect.isclass(hint) else type(None))


def _tuple(kinds: tuple[Any, ...], value: Any, resolve: Resolve) -> tuple[Any, ...]:
    """A tuple of the types (one type for all items with an ellipsis) from a:b:c, an iterable, or a single value."""
    items = value.split(":") if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(items)
    return tuple(_coerce(kind, item, resolve) for kind, item in zip(kinds, items, strict=True))


def _plugin(hint: type, value: Any, resolve: Resolve) -> Any:
    """A plugin given by name, as the mapping that `describe` writes, or as an instance."""
    if isinstance(value, str):
        return resolve(KIND_OF[hint], value)
    if isinstance(value, Mapping):
        options = dict(value)
        return resolve(KIND_OF[hint], str(options.pop("name", "")), options)
    return _instance(value, hint)


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if value == choice or value == str(choice):
            return choice
    raise ValueError


def _bool(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    if text.lower() not in words:
        raise ValueError
    return words[text.lower()]


def _instance(value: Any, cls: type) -> Any:
    if not isinstance(value, cls):
        raise TypeError
    return value


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The members of a union, ordered so that text is read as the narrowest type."""
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(sorted(get_args(hint), key=_breadth))
    return (hint,)


def _breadth(hint: Any) -> int:
    order = {type(None): 0, bool: 1, int: 2, float: 3, Path: 8, str: 9}
    return 4 if get_origin(hint) is Literal else order.get(hint, 5)


def type_words(hint: Any) -> str:
    """A type in words, for messages and `benchbox info`."""
    words = {
        float: "a number", int: "an integer", bool: "true or false", str: "text", Path: "a file", type(None): "none",
    }  # fmt: skip
    if hint in words:
        return words[hint]
    if hint in KIND_OF:
        return f"the name of a {KIND_OF[hint]}"
    if get_origin(hint) is Literal:
        return " or ".join(str(a) for a in get_args(hint))
    if get_origin(hint) is tuple:
        return f"{type_words(get_args(hint)[0]).removeprefix('a ').removeprefix('an ')}s as a:b:c"
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(type_words(h) for h in get_args(hint))
    return str(getattr(hint, "__name__", hint))


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
    """The value of an option as a JSON value."""
    if isinstance(value, Schedule | Sampler | Grid | Model):
        return {"name": value.name, **describe(value)}
    if isinstance(value, tuple):
        return [json_value(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, Path) else value
