"""The options of the schedulers, from the table in this package: nothing of diffusers is imported to list them."""

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
    """Scheduler to group (step, solver, spacing) to option to its type or choices and its default."""
    found: dict[str, Any] = json.loads(TABLE.read_text())
    return found


def option_classes(module: str, groups: tuple[str, ...], base: Callable[[str], type | None]) -> list[Any]:
    """A frozen dataclass for each scheduler that has a base: its fields are the options of the groups."""
    made = []
    for name in sorted(TRAITS):
        if (parent := base(name)) is None:
            continue
        entry = table()[name]
        options = [as_field(option, known) for group in groups for option, known in entry[group].items()]
        facts = {
            "name": f"diffusers:{name}", "scheduler": name, "__module__": module, "__qualname__": name,
            **parent.facts(name),  # type: ignore[attr-defined]
        }  # fmt: skip
        made.append(make_dataclass(name, options, bases=(parent,), namespace=facts, frozen=True))
    return made


def as_field(option: str, known: dict[str, Any]) -> tuple[str, Any, Any]:
    """Name, type and default of an option."""
    hint = Literal[tuple(known["choices"])] if "choices" in known else TYPES[known["type"]]
    default = tuple(known["default"]) if isinstance(known["default"], list) else known["default"]
    return option, hint, field(default=default)
