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

WORD_COLUMNS = {"sampler", "model", "guidance", "schedule", "grid", "status", "to do"}
"""Columns of words; the others are numbers, and stand to the right."""

SHARED = ("model", "guidance", "schedule", "grid", "seed")
"""Columns that go into the title where they are the same in every line."""


Usual = Callable[[str, str], Mapping[str, Any]]
"""(kind, name) to the default options of a plugin, none where it is not known."""


def label(row: Mapping[str, Any], kind: str, usual: Usual) -> str:
    """The sampler (model, schedule, grid) of a row, with the options that are not as usual."""
    name = row[kind] or ""  # null where samples were made elsewhere
    return f"{name} {changed_options(json.loads(row[f'{kind}_options'] or '{}'), kind, name, usual)}".strip()


def shared(rows: Iterable[Mapping[str, Any]], usual: Usual) -> Usual:
    """`usual`, and for a plugin that it does not know, such as one that is not installed, what all its rows share."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        for kind in ("sampler", "model", "schedule", "grid"):
            options = json.loads(row[f"{kind}_options"] or "{}")
            same = found.setdefault((kind, row[kind]), options)
            found[kind, row[kind]] = {o: v for o, v in same.items() if o in options and options[o] == v}
    return lambda kind, name: usual(kind, name) or found.get((kind, name), {})


def labels(row: Mapping[str, Any], usual: Usual) -> dict[str, str]:
    """Of a row, what it ran: sampler, model, guidance, schedule, grid and seed."""
    named = {kind: label(row, kind, usual) for kind in ("sampler", "model")}
    named["guidance"] = guidance_label(row, usual)
    return named | {kind: label(row, kind, usual) for kind in ("schedule", "grid")} | {"seed": str(row["seed"])}


def guidance_label(row: Mapping[str, Any], usual: Usual) -> str:
    """The guidance of a row with its options that are not as usual; its scale is always said. Empty: none."""
    if not isinstance(name := row.get("guidance"), str) or not name:
        return ""
    text = row.get("guidance_options")
    options = json.loads(text if isinstance(text, str) and text else "{}")
    scale = f"scale={written(options.pop('scale'))}" if "scale" in options else ""
    return " ".join(filter(None, [name, scale, changed_options(options, "guidance", name, usual)]))


def changed_options(options: Mapping[str, Any], kind: str, name: str, usual: Usual) -> str:
    """The options that are not as usual, as one writes them; those of a plugin among them in brackets."""
    known, texts = usual(kind, name), []
    for option, value in options.items():
        if option in known and value == known[option]:
            continue
        if isinstance(value, dict):
            inner = {k: v for k, v in value.items() if k != "name"}
            kinds = [k for k in ("schedule", "sampler", "grid", "model") if usual(k, value["name"])]
            rest = changed_options(inner, kinds[0] if kinds else "", value["name"], usual)
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
    same += [k for k in ("guidance", "denoiser") if not any(line.get(k) for line in lines)]
    names = [k for k in first if k not in same]
    for name in names:
        table.add_column(name, justify="left" if name in WORD_COLUMNS else "right", overflow="fold")
    for line in lines:
        table.add_row(*(Text(plain_text(line[name])) for name in names))
    heading = ", ".join([title, *(f"{k} {first[k]}" for k in dict.fromkeys(same) if first.get(k))])
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
