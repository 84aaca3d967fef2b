"""Rows for people: labels, numbers, and tables that show a shared value once, in the title."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchbox.report.escape import plain_text

WORD_COLUMNS = {"sampler", "model", "problem", "guidance", "schedule", "grid", "status", "to do"}
"""Text columns; the others are numbers, which are right-aligned."""

SHARED = ("model", "problem", "guidance", "schedule", "grid", "seed")
"""Columns that move into the title if all lines agree."""


Defaults = Callable[[str, str], Mapping[str, Any]]
"""From (kind, name) to the default options of a plugin; {} for an unknown plugin."""


def label(row: Mapping[str, Any], kind: str, defaults: Defaults) -> str:
    """A plugin of a row with its non-default options; "" where the row has none.

    The scale of a guidance and the noise of an inverse problem are always stated.
    """
    if not isinstance(name := row.get(kind), str) or not name:
        return ""
    text = row.get(f"{kind}_options")
    options = json.loads(text if isinstance(text, str) and text else "{}")
    scale = f"scale={written(options.pop('scale'))}" if kind == "guidance" and "scale" in options else ""
    noise = options.pop("sigma_y", None) if kind == "problem" else None
    sigma_y = f"sigma_y={noise:.3g}" if isinstance(noise, int | float) else ""
    return " ".join(filter(None, [name, scale, changed_options(options, kind, name, defaults), sigma_y]))


def shared(rows: Iterable[Mapping[str, Any]], defaults: Defaults) -> Defaults:
    """`defaults`; for an unknown plugin, such as one that is not installed, the options that all its rows share."""
    common: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        for kind in ("sampler", "model", "schedule", "grid"):
            options = json.loads(row[f"{kind}_options"] or "{}")
            same = common.setdefault((kind, row[kind]), options)
            common[kind, row[kind]] = {o: v for o, v in same.items() if o in options and options[o] == v}
    return lambda kind, name: defaults(kind, name) or common.get((kind, name), {})


def labels(row: Mapping[str, Any], defaults: Defaults) -> dict[str, str]:
    """Sampler, model, problem, guidance, schedule, grid and seed of a row."""
    kinds = ("sampler", "model", "problem", "guidance", "schedule", "grid")
    return {kind: label(row, kind, defaults) for kind in kinds} | {"seed": str(row["seed"])}


def changed_options(options: Mapping[str, Any], kind: str, name: str, defaults: Defaults) -> str:
    """The non-default options in the syntax of --set; those of a nested plugin in brackets."""
    default_values, texts = defaults(kind, name), []
    for option, value in options.items():
        if option in default_values and value == default_values[option]:
            continue
        if isinstance(value, dict):
            inner = {k: v for k, v in value.items() if k != "name"}
            kinds = [k for k in ("schedule", "sampler", "grid", "model") if defaults(k, value["name"])]
            rest = changed_options(inner, kinds[0] if kinds else "", value["name"], defaults)
            texts.append(f"{option}={value['name']}" + (f" ({rest})" if rest else ""))
        else:
            texts.append(f"{option}={written(value)}")
    return " ".join(texts)


def written(value: Any) -> str:
    """The value of an option in the syntax of --set."""
    return ":".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)


def compact_table(title: str, lines: Sequence[Mapping[str, str]]) -> RenderableType:
    """A table under its title; values that all lines share move into the title."""
    first: Mapping[str, str] = lines[0] if lines else {}
    same = [k for k in SHARED if k in first and len({line[k] for line in lines}) == 1]
    table = Table()
    same += [k for k in ("problem", "guidance", "denoiser") if not any(line.get(k) for line in lines)]
    names = [k for k in first if k not in same]
    for name in names:
        table.add_column(name, justify="left" if name in WORD_COLUMNS else "right", overflow="fold")
    for line in lines:
        table.add_row(*(Text(plain_text(line[name])) for name in names))
    heading = ", ".join([title, *(f"{k} {first[k]}" for k in dict.fromkeys(same) if first.get(k))])
    return Group(Text(plain_text(heading), style="italic"), table)


def number(value: float | None, digits: int = 6) -> str:
    """A formatted number: a dash for None and nan, thousands separated."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.{digits}g}" if isinstance(value, float) and abs(value) < 1000 else f"{value:,.0f}"


def count_of(n: int, noun: str) -> str:
    """1 cell, 2 cells, 1,000 cells."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def value_text(value: Any) -> str:
    return value if isinstance(value, str) else number(value, 4)


def status(row: Mapping[str, Any]) -> str:
    """The status of a row, with its reason if there is one."""
    reason = row.get("reason")
    return f"{row['status']} ({reason})" if isinstance(reason, str) else str(row["status"])
