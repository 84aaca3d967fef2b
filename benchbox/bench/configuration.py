"""The configuration of a sweep, stored with its results: the request, and all plugins with their options."""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from benchbox.atomic import write_whole
from benchbox.bench.cell import Cell
from benchbox.bench.request import Request
from benchbox.errors import UsageError
from benchbox.files import why
from benchbox.options import describe, json_value
from benchbox.plugin import OWN_VERSION
from benchbox.store.paths import digest, dumps, opened, path_of

CONFIGURATION_FORMAT = 1
FOLDER = "sweeps"

Configuration = dict[str, Any]


def resolved(request: Request, cells: Sequence[Cell]) -> Configuration:
    """The request, and every plugin of its cells with all its options, as JSON values."""
    request_fields = {f.name: getattr(request, f.name) for f in fields(request) if f.name not in ("settings", "save")}
    for kind in ("guidances", "problems"):
        request_fields[kind] = [g if isinstance(g, str) else g.name for g in getattr(request, kind)]
    settings = [
        {"prefix": s.prefix, "option": s.option, "values": list(map(json_value, s.values))} for s in request.settings
    ]
    plugins = {
        "models": [{"name": cell.model.title, **describe(cell.model)} for cell in cells],
        **{f"{kind}s": [json_value(getattr(cell, kind)) for cell in cells] for kind in ("sampler", "schedule", "grid")},
        "guidances": [{"name": g.name, **describe(g)} for cell in cells if (g := cell.guidance)],
        "problems": [{"name": p.name, **describe(p)} for cell in cells if (p := cell.problem)],
        "metrics": [{"name": metric.name, **describe(metric)} for cell in cells for metric in cell.metrics],
    }
    unique = {
        kind: list({dumps(values): values for values in described}.values()) for kind, described in plugins.items()
    }
    configuration = {"request": request_fields | {"settings": settings}, "plugins": unique}
    as_read_back: Configuration = json.loads(json.dumps(configuration))
    return {"format": CONFIGURATION_FORMAT, "benchbox": OWN_VERSION, **as_read_back}


def save_configuration(configuration: Configuration, directory: Path) -> str:
    """Write a configuration into a results directory, unless it exists; its id, a hash. OSError."""
    name = digest(configuration)
    refuse_link(directory)
    path = path_of(directory / FOLDER, name, ".json")
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        text = json.dumps(configuration, indent=1, ensure_ascii=False) + "\n"
        write_whole(path, lambda file: file.write(text.encode()))
    return name


def refuse_link(directory: Path) -> None:
    """OSError where the folder of configurations is a link, which might point outside the results directory."""
    if (directory / FOLDER).is_symlink():
        raise OSError(errno.ELOOP, f"{FOLDER} is a link")


def load_configuration(directory: Path, name: str) -> Configuration:
    """The configuration with an id in a results directory. UsageError where it is missing or was changed."""
    try:
        refuse_link(directory)
        with opened(path_of(directory / FOLDER, name, ".json")) as file:
            configuration: Configuration = json.loads(file.read())
        intact = isinstance(configuration, dict) and digest(configuration) == name
    except FileNotFoundError:
        raise UsageError(f"there is no configuration {name} in {directory}.") from None
    except Exception as error:
        raise UsageError(f"configuration {name!r} in {directory} cannot be read: {why(error)}.") from None
    if not intact:
        raise UsageError(f"configuration {name} in {directory} was changed or damaged: its hash differs.")
    if configuration.get("format") != CONFIGURATION_FORMAT:
        raise UsageError(f"configuration {name} in {directory} was written by another version of benchbox.")
    return configuration
