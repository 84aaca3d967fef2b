"""How rows are written for people: labels, numbers, and tables that say only once what is the same in all lines."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchbox.report.escape import plain_text

WORD_COLUMNS = {"sampler", "model", "schedule", "grid", "status", "to do"}
"""Columns of words; the others are numbers, and stand to the right."""

SHARED = ("model", "schedule", "grid", "seed")
"""Columns that go into the title where they are the same in every line."""


Defaults = Callable[[str, str], Mapping[str, Any]]
"""(kind, name) to the default options of a plugin, none where it is not known."""


def label(row: Mapping[str, Any], kind: str, defaults: Defaults) -> str:
    """The sampler (model, schedule, grid) of a row, with the options that are not as usual."""
    name = row[kind] or ""  # null where samples were made elsewhere
    return f"{name} {changed_options(json.loads(row[f'{kind}_options'] or '{}'), kind, name, defaults)}".strip()


def shared(rows: Iterable[Mapping[str, Any]], defaults: Defaults) -> Defaults:
    """`usual`, and for a plugin that it does not know, such as one that is not installed, what all its rows share."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        for kind in ("sampler", "model", "schedule", "grid"):
            options = json.loads(row[f"{kind}_options"] or "{}")
            same = found.setdefault((kind, row[kind]), options)
            found[kind, row[kind]] = {o: v for o, v in same.items() if o in options and options[o] == v}
    return lambda kind, name: defaults(kind, name) or found.get((kind, name), {})


def labels(row: Mapping[str, Any], defaults: Defaults) -> dict[str, str]:
    """Of a row, what it ran: sampler, model, schedule, grid and seed."""
    named = {kind: label(row, kind, defaults) for kind in ("sampler", "model", "schedule", "grid")}
    return named | {"seed": str(row["seed"])}


def changed_options(options: Mapping[str, Any], kind: str, name: str, defaults: Defaults) -> str:
    """The options that are not as usual, as one writes them; those of a plugin among them in brackets."""
    known, texts = defaults(kind, name), []
    for option, value in options.items():
        if option in known and value == known[option]:
            continue
        if isinstance(value, dict):
            inner = {k: v for k, v in value.items() if k != "name"}
            kinds = [k for k in ("schedule", "sampler", "grid") if defaults(k, value["name"])]
            rest = changed_options(inner, kinds[0] if kinds else "", value["name"], defaults)
            texts.append(f"{option}={value['name']}" + (f" ({rest})" if rest else ""))
        else:
            texts.append(f"{option}={written(value)}")
    return " ".join(texts)


def written(value: Any) -> str:
    """An option's value as --set takes it."""
    return ":".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)


def compact_table(title: str, lines: Sequence[Mapping[str, str]]) -> RenderableType:
    """A table of lines under its title, which takes what is the same in all of them."""
    first: Mapping[str, str] = lines[0] if lines else {}
    same = [k for k in SHARED if k in first and len({line[k] for line in lines}) == 1]
    table = Table()
    names = [k for k in first if k not in same]
    for name in names:
        table.add_column(name, justify="left" if name in WORD_COLUMNS else "right", overflow="fold")
    for line in lines:
        table.add_row(*(Text(plain_text(line[name])) for name in names))
    heading = ", ".join([title, *(f"{k} {first[k]}" for k in same if first[k])])
    return Group(Text(plain_text(heading), style="italic"), table)


def number(value: float | None, digits: int = 6) -> str:
    """A number for a person: a dash where there is none, thousands marked."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.{digits}g}" if isinstance(value, float) and abs(value) < 1000 else f"{value:,.0f}"


def value_text(value: Any) -> str:
    return value if isinstance(value, str) else number(value, 4)


def status(row: Mapping[str, Any]) -> str:
    """A row's status, with its reason where it has one."""
    reason = row.get("reason")
    return f"{row['status']} ({reason})" if isinstance(reason, str) else str(row["status"])
