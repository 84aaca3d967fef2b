"""From a row back to its cell. A row is validated like user input; nothing in it is executed."""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow.compute as pc

from benchbox.acceleration import Acceleration
from benchbox.bench.budget import at_budget
from benchbox.bench.cell import Cell
from benchbox.bench.external_code import StoredRow, json_object, known_plugin, stored_metrics, text_values
from benchbox.bench.hardware import device_name, usable
from benchbox.bench.provenance import ABSENT, package_versions
from benchbox.bench.request import Request
from benchbox.bench.settings import model_named
from benchbox.bench.sweep import problem_of, validate_model
from benchbox.driver import default_grid
from benchbox.errors import UsageError
from benchbox.noise import BLOCK
from benchbox.options import describe
from benchbox.registry import registry
from benchbox.store import schema
from benchbox.store.paths import dumps
from benchbox.store.store import Store
from benchbox.store.values import split_label

WHY = {
    "sampler_options": "the sampler's options have changed",
    "sampler_package": "another package offers the sampler",
    "sampler_version": "the sampler's package has another version",
    "model_sha256": "the weights have changed",
    "benchbox": "this is another version of benchbox",
    "contract": "this benchbox has another contract",
    "device": "it was measured on another device",
    "steps": "the sampler spends its budget on another number of steps",
}
"""Why a rerun is another cell, by the column that differs."""

SURROUNDINGS = frozenset({
    "executor", "device", "threads", "flags", "torch", "cuda", "driver", "benchbox", "contract", "git", "packages",
    "sampler_version",
})  # fmt: skip
"""Columns of a row's provenance; where results differ, these may explain it."""


def find_row(store: Store, text: str) -> dict[str, Any]:
    """The row of a cell, by its id or a prefix of it. UsageError where no cell, or several, match."""
    if not re.fullmatch("[0-9a-f]{1,16}", text):
        raise UsageError(f"{text!r} is not the id of a cell: give one such as 0123456789abcdef, or its first digits.")
    table = store.table()
    ids = sorted({cell for cell in table["cell"].to_pylist() if cell.startswith(text)})
    if not ids:
        raise UsageError(f"no row in {store.directory} is of a cell {text}.")
    if len(ids) > 1:
        raise UsageError(f"{text} matches {len(ids)} cells in {store.directory}: {', '.join(ids[:5])} ….")
    rows: list[dict[str, Any]] = table.filter(pc.equal(table["cell"], ids[0])).to_pylist()
    return max(rows, key=lambda row: str(row.get("started_at")))  # a published file may hold several rows of a cell


def plugin_name(kind: str, row: StoredRow) -> str:
    """The name of the plugin in a row's column, or of the one in a model's card. UsageError where it is unknown."""
    if name := known_plugin(kind, row):
        return name
    cards = [value for _, value in text_values(json_object(row, f"{kind}_options")) if value.endswith(".json")]
    if kind != "model" or not cards:
        raise registry().unknown(kind, str(row.get(kind)))
    return model_named(cards[0])[0]


def rebuild(row: StoredRow, device: str | None = None) -> Cell:
    """The cell of a row; device: where to run it (default: the kind of device that the row states). UsageError."""
    if schema.scored(row):
        raise UsageError(f"cell {row['cell']} holds scores of samples that benchbox did not make: use benchbox score.")
    try:
        return _rebuild(row, device)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"the row of cell {row['cell']} cannot be rerun: {type(error).__name__} {error}.") from None


def _rebuild(row: StoredRow, device: str | None) -> Cell:
    request = request_of(row, device)
    request.check()
    sampler, model = (plugin_of(kind, row) for kind in ("sampler", "model"))
    guidance, problem = (None if row.get(kind) is None else plugin_of(kind, row) for kind in ("guidance", "problem"))
    acceleration = Acceleration(request.compile, request.channels_last)
    validate_model(model, acceleration)
    metrics = tuple(registry().get("metric", split_label(label)[0], o) for label, o in stored_metrics(row).items())
    for metric in metrics:
        metric.check(model)
        metric.check_problem(problem, model)
    cell = Cell(
        sampler, model, plugin_of("schedule", row, model.schedule),
        plugin_of("grid", row, default_grid(model, sampler)), metrics,
        row["seed"], request.n_samples, request.batch_size, request.device, request.dtype, request.final,
        request.nfe_policy, request.noise_block, request.noise_device or request.device, guidance=guidance,
        nfe_of=request.nfe_of, problem=problem_of(problem, model, sampler, guidance),
        measurements=request.measurements, acceleration=acceleration,
    )  # fmt: skip
    return at_budget(cell, request.nfe[0] if request.nfe else None)


def request_of(row: StoredRow, device: str | None) -> Request:
    """The request that a row's numbers and words make."""
    nfe, kind, noise_kind = row.get("nfe_requested"), "cuda" if row.get("cuda") else "cpu", row.get("noise_device")
    return Request(
        [str(row["sampler"])], [] if nfe is None else [nfe], n_samples=row["n_samples"], batch_size=row["batch_size"],
        seeds=[row["seed"]], device=usable(device or kind), dtype=row["dtype"], nfe_policy=row["nfe_policy"],
        final=row["final"], noise_block=row.get("noise_block") or BLOCK, nfe_of=row.get("nfe_of") or "network",
        problems=[str(row["problem"])] if row.get("problem") else [], measurements=row.get("measurements") or 1,
        noise_device=None if noise_kind in (None, kind) else usable(noise_kind), compile=bool(row.get("compile")),
        channels_last=row.get("memory_format") == "channels_last",
    )  # fmt: skip


def plugin_of(kind: str, row: StoredRow, default: Any = None) -> Any:
    """The plugin of a row with its options: `default`, which need not be registered, where it is the same."""
    options = json_object(row, f"{kind}_options")
    if hasattr(default, "name") and default.name == row[kind] and dumps(describe(default)) == dumps(options):
        return default
    return registry().get(kind, plugin_name(kind, row), options)


def obstacles(row: StoredRow, cell: Cell) -> list[str]:
    """Why the cell is not the row's: a sentence for each column that differs; empty where it is the same cell."""
    if cell.id == row["cell"]:
        return []
    columns = cell.identity | {"device": device_name(cell.device), "steps": None if cell.skip else cell.n_levels - 1}
    differing = [(name, row[name], value) for name, value in columns.items() if name in row and value != row[name]]
    sentences = [f"{name} was {old} and is {new} ({WHY.get(name, 'it has changed')})" for name, old, new in differing]
    return sentences or other_packages(row, cell) or [
        "the row does not record what differs: the version of a plugin's package, or the contents of a file"
    ]  # fmt: skip


def other_packages(row: StoredRow, cell: Cell) -> list[str]:
    """A sentence for each plugin package whose version has changed."""
    before, now = json_object(row, "packages"), json.loads(package_versions(cell.packages))
    pairs = {name: (str(before.get(name, ABSENT)), str(now.get(name, ABSENT))) for name in cell.packages if before}
    return [f"package {name} was {a} and is {b}" for name, (a, b) in pairs.items() if a.split()[0] != b.split()[0]]


def differing_columns(old: StoredRow, new: StoredRow) -> list[str]:
    """The columns in which a rerun should agree and does not. A row of an older schema lacks some columns."""
    free = schema.MEASURED | {"command"}
    names = [name for name in new if name in old and name not in free]
    return [n for n in names if old[n] != new[n] and not (old[n] is None and n in schema.LATER)]
