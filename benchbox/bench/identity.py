"""Columns that identify what a cell runs: a model's weights, how its network is computed, guidance and problem."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

from benchbox.acceleration import Acceleration, compile_mode, converts_weights
from benchbox.card import sha256
from benchbox.guidance import Guidance
from benchbox.model import Model
from benchbox.options import describe
from benchbox.problem import Problem
from benchbox.registry import registry
from benchbox.store.paths import dumps

CODE = frozenset({".py", ".pyc", ".pyi"})


def weights_sha256(model: Model) -> str | None:
    """The hash that the model states, else that of the data files in its package; None where there are none."""
    return model.sha256 or package_data_sha256(type(model).__module__.partition(".")[0])


@cache
def package_data_sha256(package: str) -> str | None:
    """A hash of all files of an imported package that are not code; None for benchbox, whose models state theirs."""
    folders = [] if package == "benchbox" else [Path(p) for p in getattr(sys.modules.get(package), "__path__", [])]
    files = sorted(f for folder in folders for f in folder.rglob("*") if f.is_file() and f.suffix not in CODE)
    text = "\n".join(sha256(f) for f in files)
    return hashlib.sha256(text.encode()).hexdigest() if files else None


def plugin_columns(kind: str, plugin: Guidance | Problem | None) -> dict[str, Any]:
    """The columns that a guidance or a problem adds to the identity; without one the identity has none of them.

    An instance of a class that no package offers, as Python code may pass, has no package.
    """
    if plugin is None:
        return {}
    offer = next((o for o in registry().matches(kind, plugin.name) if o.cls is type(plugin)), None)
    return {
        kind: plugin.name, f"{kind}_options": dumps(describe(plugin)),
        f"{kind}_package": offer and offer.package, f"{kind}_version": offer and offer.version,
    }  # fmt: skip


def network_columns(model: Model, device: str, dtype: str, acceleration: Acceleration) -> dict[str, Any]:
    """The columns of what is not as usual, which changes samples by rounding; empty for an eager network."""
    columns = {
        "weights_dtype": dtype if converts_weights(model, dtype) else None,
        "memory_format": "channels_last" if acceleration.channels_last else None,
        "compile": compile_mode(device) if acceleration.compiled else None,
    }
    return {name: value for name, value in columns.items() if value is not None}
