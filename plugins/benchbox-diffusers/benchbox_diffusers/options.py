"""The options of the schedulers, from a table in this package, so that listing them does not import diffusers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import field, make_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from benchbox_diffusers.traits import TRAITS

TABLE = Path(__file__).with_name("schedulers.json")
TYPES: dict[str, Any] = {
    "bool": bool, "int": int, "float": float, "str": str, "float?": float | None, "integers": tuple[int, ...],
}  # fmt: skip


@cache
def table() -> dict[str, Any]:
    """Scheduler → group (step, solver, spacing) → option → type or choices, and default."""
    schedulers: dict[str, Any] = json.loads(TABLE.read_text())
    return schedulers


def option_classes(module: str, groups: tuple[str, ...], base: Callable[[str], type | None]) -> list[Any]:
    """A frozen dataclass for each scheduler with a base class; its fields are the options of the groups."""
    classes = []
    for name in sorted(TRAITS):
        if (parent := base(name)) is None:
            continue
        groups_of = table()[name]
        options = [as_field(option, entry) for group in groups for option, entry in groups_of[group].items()]
        facts = {
            "name": f"diffusers:{name}", "scheduler": name, "__module__": module, "__qualname__": name,
            **parent.facts(name),  # type: ignore[attr-defined]  # of the base class, which is any of those in TRAITS
        }  # fmt: skip
        classes.append(make_dataclass(name, options, bases=(parent,), namespace=facts, frozen=True))
    return classes


def as_field(option: str, entry: dict[str, Any]) -> tuple[str, Any, Any]:
    """Name, type and default of an option."""
    hint = Literal[tuple(entry["choices"])] if "choices" in entry else TYPES[entry["type"]]
    default = tuple(entry["default"]) if isinstance(entry["default"], list) else entry["default"]
    return option, hint, field(default=default)
