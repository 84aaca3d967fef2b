"""From a row back to its cell. What the row says is checked as a user's words are; nothing in it is executed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pyarrow.compute as pc

from benchbox.bench.cell import Cell, dumps
from benchbox.bench.external_code import StoredRow, known, of_text, stored_metrics, texts
from benchbox.bench.meter import device_name, usable
from benchbox.bench.provenance import ABSENT, package_versions
from benchbox.bench.settings import model_named
from benchbox.bench.sweep import Request, budgeted, validate_model, with_levels
from benchbox.driver import ADAPTIVE_LEVELS
from benchbox.errors import UsageError, unknown
from benchbox.noise import BLOCK
from benchbox.options import describe
from benchbox.registry import registry
from benchbox.store import schema
from benchbox.store.store import Store
from benchbox.store.values import split_label

WHY = {
    "sampler_options": "the sampler's options are not what they were",
    "sampler_package": "the sampler is another package's",
    "sampler_version": "the sampler's package is of another version",
    "model_sha256": "the weights are others",
    "benchbox": "this benchbox is of another version",
    "contract": "this benchbox has another contract",
    "device": "it was measured on another device",
    "steps": "the sampler makes something else of its budget",
}
"""What a column of a cell's identity that differs means."""

SURROUNDINGS = frozenset({
    "executor", "device", "threads", "flags", "torch", "cuda", "driver", "benchbox", "contract", "git", "packages",
    "sampler_version",
})  # fmt: skip
"""Columns that say with what a row was made; where results differ, they may say why."""


def find_row(store: Store, text: str) -> dict[str, Any]:
    """The row of a cell, by its id or by the beginning of it. UsageError where it is none, or that of several."""
    if not re.fullmatch("[0-9a-f]{1,16}", text):
        raise UsageError(f"{text!r} is not a cell: give its id, such as 0123456789abcdef, or the beginning of it.")
    table = store.table()
    ids = sorted({cell for cell in table["cell"].to_pylist() if cell.startswith(text)})
    if not ids:
        raise UsageError(f"there is no row of a cell {text} in {store.directory}.")
    if len(ids) > 1:
        raise UsageError(f"{text} is the beginning of {len(ids)} cells in {store.directory}: {', '.join(ids[:5])} ….")
    rows: list[dict[str, Any]] = table.filter(pc.equal(table["cell"], ids[0])).to_pylist()
    return max(rows, key=lambda row: str(row.get("started_at")))  # a published file may hold several of one cell


def plugin(kind: str, row: StoredRow) -> str:
    """The plugin of a row's column, or the one that a model's card names. UsageError where there is none."""
    if name := known(kind, row):
        return name
    cards = [value for _, value in texts(of_text(row, f"{kind}_options")) if value.endswith(".json")]
    if kind != "model" or not cards:
        raise unknown(kind, str(row.get(kind)), registry().names(kind))
    return model_named(cards[0])[0]


def rebuild(row: StoredRow, device: str | None = None) -> Cell:
    """The cell of a row; device: where to run it, else where torch has what the row ran on. UsageError."""
    if schema.scored(row):
        raise UsageError(f"cell {row['cell']} is of samples that were made elsewhere: benchbox score measures them.")
    try:
        return _rebuild(row, device)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"the row of cell {row['cell']} cannot be rerun: {type(error).__name__} {error}.") from None


def _rebuild(row: StoredRow, device: str | None) -> Cell:
    request = asked(row, device)
    request.check()
    sampler, model = (built(kind, row) for kind in ("sampler", "model"))
    guidance = None if row.get("guidance") is None else built("guidance", row)
    validate_model(model)
    metrics = tuple(registry().get("metric", split_label(label)[0], o) for label, o in stored_metrics(row).items())
    for metric in metrics:
        metric.check(model)
    cell = Cell(
        sampler, model, built("schedule", row, model.schedule), built("grid", row, sampler.grid or model.grid), metrics,
        row["seed"], request.n_samples, request.batch_size, request.device, request.dtype, request.final,
        request.nfe_policy, request.noise_block, request.noise_device, guidance=guidance, nfe_of=request.nfe_of,
    )  # fmt: skip
    if not request.nfe:
        return with_levels(replace(cell, n_levels=ADAPTIVE_LEVELS))
    return with_levels(budgeted(cell, request.nfe[0]))


def asked(row: StoredRow, device: str | None) -> Request:
    """The numbers and words of a row as the request of its one cell."""
    nfe, kind, drawn_on = row.get("nfe_requested"), "cuda" if row.get("cuda") else "cpu", row.get("noise_device")
    return Request(
        [str(row["sampler"])], [] if nfe is None else [nfe], n_samples=row["n_samples"], batch_size=row["batch_size"],
        seeds=[row["seed"]], device=usable(device or kind), dtype=row["dtype"], nfe_policy=row["nfe_policy"],
        final=row["final"], noise_block=row.get("noise_block") or BLOCK, nfe_of=row.get("nfe_of") or "network",
        noise_device=None if drawn_on in (None, kind) else usable(drawn_on),
    )  # fmt: skip


def built(kind: str, row: StoredRow, own: Any = None) -> Any:
    """The plugin of a row with its options; `own`, which need not be registered, where that is the one."""
    options = of_text(row, f"{kind}_options")
    if own is not None and getattr(own, "name", None) == row[kind] and dumps(describe(own)) == dumps(options):
        return own
    return registry().get(kind, plugin(kind, row), options)


def obstacles(row: StoredRow, cell: Cell) -> list[str]:
    """Why the cell is not that of the row: each column that differs, and what that means; none where it is."""
    if cell.id == row["cell"]:
        return []
    here = cell.identity | {"device": device_name(cell.device), "steps": None if cell.skip else cell.n_levels - 1}
    found = [(c, row.get(c), value) for c, value in here.items() if value != row.get(c) and c in row]
    lines = [f"{c} was {old} and is {new} ({WHY.get(c, 'it cannot be made as it was')})" for c, old, new in found]
    if lines:
        return lines
    return other_packages(row, cell) or [
        "the row does not say what differs: the version of a plugin's package, or a file's contents"
    ]


def other_packages(row: StoredRow, cell: Cell) -> list[str]:
    """The plugins' packages whose versions are others now."""
    before, now = of_text(row, "packages"), json.loads(package_versions(cell.packages))
    pairs = {name: (str(before.get(name, ABSENT)), str(now.get(name, ABSENT))) for name in cell.packages if before}
    return [f"package {name} was {a} and is {b}" for name, (a, b) in pairs.items() if a.split()[0] != b.split()[0]]


def differing_columns(old: StoredRow, new: StoredRow) -> list[str]:
    """The columns in which a repetition should agree and does not; an older schema's row does not have all."""
    apart = schema.MEASURED | {"command"}
    names = [name for name in new if name in old and name not in apart]
    return [n for n in names if old[n] != new[n] and not (old[n] is None and n in schema.LATER)]
