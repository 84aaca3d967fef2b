"""Values of options converted to their types, from text or from plain values; types in words."""

from __future__ import annotations

import inspect
import math
import operator
import os
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from benchbox.errors import UsageError
from benchbox.grid import Grid
from benchbox.model import Model
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

KIND_OF: dict[type, str] = {Schedule: "schedule", Sampler: "sampler", Grid: "grid", Model: "model"}
"""Classes of plugins that may be the value of an option, given by name."""


Resolve = Callable[..., Any]
"""(kind, name) or (kind, name, options) to a plugin instance."""


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
