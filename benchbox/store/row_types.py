"""Checks of the rows in a file: each column has the type of the schema, and rows without its form are left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import reduce
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from benchbox.store import schema
from benchbox.store.paths import printable

OPTIONS = (
    "sampler_options", "model_options", "schedule_options", "grid_options", "guidance_options", "problem_options",
)  # fmt: skip
"""Columns that hold the options of one plugin."""

PANDAS_INDEX = re.compile("__index_level_[0-9]+__")
"""A column that pandas makes of a data frame's index."""

WORD = "^[0-9A-Za-z]{1,64}$"
"""The form of a row's `cell`, wherever it was made."""


class ReadRows(NamedTuple):
    """The rows that a file holds; how many of its rows were left out, and why."""

    table: pa.Table
    left_out: int = 0
    why: str = ""


def checked(table: pa.Table) -> ReadRows:
    """The rows in the types of the schema. ValueError where they cannot be had, or where no row is left."""
    table.validate(full=True)
    columns = {name: converted(name, table[name]) for name in table.column_names if not PANDAS_INDEX.fullmatch(name)}
    table = pa.table(columns)
    broken = [(good, fault) for good, fault in conditions(table) if fault]
    rows = table.filter(reduce(pc.and_, [good for good, _ in broken])) if broken else table
    why = broken[0][1] if broken else ""
    if not len(rows):
        raise ValueError(why or "it holds no rows")
    return ReadRows(rows, len(table) - len(rows), why)


def conditions(table: pa.Table) -> Iterator[tuple[pa.ChunkedArray, str]]:
    """Which rows meet each condition, and what is wrong with the first that does not ("" where all do).

    No value of Python becomes one of Arrow here: pyarrow would import pandas, the most that reading a row takes.
    """
    columns = set(table.column_names)
    for name in ("cell", *(c for c in (*schema.STATED, *schema.JSON) if c in columns and c != "cell")):
        good = fine(name, table[name])
        if name in schema.OF_A_RUN:
            good = or_scored(good, table)
        yield good, "" if pc.all(good).as_py() else fault_in(name, table[name].filter(pc.invert(good))[0].as_py())
    if {"status", "nfe"} <= columns:
        good = or_scored(pc.or_(pc.invert(matches(table["status"], "^done$")), pc.is_valid(table["nfe"])), table)
        yield good, "" if pc.all(good).as_py() else "it is done and says no nfe"


def or_scored(good: pa.ChunkedArray, table: pa.Table) -> pa.ChunkedArray:
    """Which rows meet a condition of runs: those of samples that were made elsewhere need not."""
    return pc.or_(good, pc.starts_with(table["sampler"], schema.SCORED)) if "sampler" in table.column_names else good


def matches(values: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    """Which values match; null ones do not."""
    return pc.and_kleene(pc.is_valid(values), pc.match_substring_regex(values, pattern))


def fault_in(name: str, value: Any) -> str:
    """What is wrong with a value of a column."""
    if value is None and name != "cell":
        return f"it says no {name}"
    return f"its {name} is {printable(repr(value))[:100]}, which is not {form(name)}"


def converted(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column in the type of the schema; a metric's is of numbers or of text."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = values.type
    want = schema.COLUMN_TYPES.get(name) or (pa.string() if is_text(kind) else pa.float64())
    if kind != want and not castable(kind, want):
        raise ValueError(f"its column {printable(name)} is of type {kind}, not {want}")
    return values if kind == want else values.cast(want)


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def castable(kind: pa.DataType, want: pa.DataType) -> bool:
    """Whether a column's values may be those of another type; a cast refuses the single values that are not."""
    if pa.types.is_null(kind):
        return True
    if is_text(want):
        return is_text(kind)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return number and not pa.types.is_boolean(want)


def fine(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which of a column's values have its form; an unknown one has, where a row may leave it empty."""
    if name == "cell":
        return matches(values, WORD)
    if name in schema.STATED:
        return pc.is_valid(values)
    right = is_options if name in OPTIONS else is_object
    bad = [text for text in values.unique().to_pylist() if text is not None and not right(text)]
    if not bad:
        return pc.or_(pc.is_valid(values), pc.is_null(values))
    return pc.invert(pc.is_in(values, pa.array(bad, pa.string())))


def form(name: str) -> str:
    return "an id" if name == "cell" else "a JSON object of options" if name in OPTIONS else "a JSON object"


def is_object(text: str) -> bool:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict)


def is_options(text: str) -> bool:
    """Whether it is a JSON object in which every plugin that is an option has its name."""
    return is_object(text) and all(named(value) for value in json.loads(text).values())


def named(value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    return isinstance(value.get("name"), str) and all(map(named, value.values()))
