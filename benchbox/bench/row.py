"""The row of a cell: the columns known before its run, then its costs and its metrics' values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from numbers import Real
from typing import Any

from benchbox.bench.cell import Cell
from benchbox.bench.provenance import machine, package_versions, plugin_packages
from benchbox.card import known_sha256
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.options import describe
from benchbox.store.paths import digest
from benchbox.store.schema import ORDER
from benchbox.store.values import Value, split_label, value_columns, values


def value(metric: Metric, model: Model, suffix: str = "") -> Value:
    """The value of a metric of a model's samples; suffix: of its columns in the row."""
    options = json.loads(json.dumps(describe(metric)))
    files = {option: known_sha256(path) for option, path in metric.files(model).items() if path.is_file()}
    return Value(metric.name, suffix, options, files)


def missing_metrics(metrics: Iterable[Metric], model: Model, row: Mapping[str, Any] | None = None) -> dict[str, Metric]:
    """The metrics whose values a row lacks (no row: all), by the labels that they get in it."""
    row_values, missing = values(row or {}), dict[str, Metric]()
    for metric in metrics:
        candidate = value(metric, model)
        if not any(candidate.agrees(stored) for stored in row_values):
            candidate = candidate.beside(row_values)
            row_values.append(candidate)
            missing[candidate.label] = metric
    return missing


def metric_values(metrics: Mapping[str, Metric], model: Model) -> list[Value]:
    return [value(metric, model, split_label(label)[1]) for label, metric in metrics.items()]


def plain_columns(metric: Metric, computed: dict[str, Any]) -> dict[str, Any]:
    """The columns that a metric computed, as a row can hold them. TypeError for a name or a value that is not valid."""
    for name, x in computed.items():
        if name in ORDER or not (x is None or isinstance(x, str | Real)):
            raise TypeError(f"metric {metric.name} gave {name} = {x!r}, which is not a column of numbers or text")
    return {name: x if x is None or isinstance(x, str) else float(x) for name, x in computed.items()}


OF_SOME_RUNS = (
    "guidance_options", "guidance_package", "guidance_version", "problem", "problem_options", "problem_package",
    "problem_version", "measurements", "weights_dtype", "memory_format", "compile",
)  # fmt: skip
"""Columns that are null where a run has no guidance, or no problem, or computes its network as usual."""


def initial_row(cell: Cell, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """The row before the run, with status "skipped"."""
    return dict.fromkeys(OF_SOME_RUNS) | cell.identity | machine(cell.device) | {
        "stream": cell.stream, "cell": cell.id, "dataset": cell.model.dataset, "n_samples": cell.n_samples,
        "batch_size": cell.batch_size, "noise_block": cell.noise_block, "noise_device": cell.noise_kind,
        "nfe_policy": cell.nfe_policy, "nfe_requested": cell.nfe_requested,
        "nfe_of": cell.nfe_of if cell.guidance else None, "steps": None if cell.skip else cell.n_levels - 1,
        "timing_valid": True, "status": "skipped", "reason": cell.skip, "executor": "local",
        "packages": package_versions(cell.packages), "command": "", "sweep": None, "started_at": now(),
        **value_columns(metric_values(metrics, cell.model)),
    }  # fmt: skip


def with_values(row: dict[str, Any], columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The row with the columns of its metrics, given by their labels."""
    row_values = [v._replace(columns=tuple(columns.get(v.label, ()))) for v in values(row)]
    cells = {name + split_label(label)[1]: x for label, computed in columns.items() for name, x in computed.items()}
    return row | cells | value_columns(row_values)


def now() -> str:
    """The time in UTC, as rows state it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def cost_columns(report: dict[str, Any]) -> dict[str, Any]:
    """The counts of all samples and the costs of those made in this run, as columns."""
    counts, costs = report["counts"], report["costs"]
    rows, wall, model_s = max(counts["rows"], 1), costs["wall_s"], costs["model_s"]
    return {name: value for name, value in costs.items() if name not in ("rows", "elapsed_s")} | {
        "nfe": counts["evaluations"] / rows, "nfe_max": counts["nfe_max"],
        "calls_max": counts.get("calls_max", counts["nfe_max"]), "n_backward": counts["backward"] / rows,
        "denoiser_calls": counts.get("calls", counts["evaluations"]) / rows,
        "nfe_guides": counts["guides"] / rows if "guides" in counts else None, "clamped": int(counts["clamped"]),
        "overhead": wall / model_s - 1 if model_s else None,
        "samples_per_s": costs["rows"] / wall if wall else None,
    }  # fmt: skip


def checked_row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its final status: "dishonest" where the run spent more than its budget.

    A value that is not finite becomes null, and the reason says so; it includes the metrics' notes, too.
    """
    row = with_notes(row)
    calls_max = row.pop("calls_max", None)
    budget, spent = row["nfe_requested"], calls_max if row.get("nfe_of") == "denoiser" else row.get("nfe_max")
    if row["status"] == "done" and budget is not None and spent > budget:
        row |= {"status": "dishonest", "reason": f"{spent:g} evaluations were spent of a budget of {budget}"}
    for name, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            row[name] = None
            row["reason"] = row["reason"] or f"{name} is not finite"
    return row


def with_metrics(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The old row with the metric columns of a new one added."""
    columns = {name: value for name, value in new.items() if name not in ORDER}
    return with_notes(old | columns | value_columns([*values(old), *values(new)]))


def with_notes(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its metrics' notes, the columns `…_note`, in its reason."""
    if row["status"] != "done":
        return row
    columns = [(*split_label(name), text) for name, text in row.items() if text]
    notes = [f"{name.removesuffix('_note')}{mark}: {text}" for name, mark, text in columns if name.endswith("_note")]
    reasons = [*(row["reason"] or "").split("; "), *notes]
    return row | {"reason": "; ".join(dict.fromkeys(filter(None, reasons))) or None}


def state_key(cell: Cell, metric: Metric) -> str:
    """The name of a stored metric state: stream, metric, and a hash of the metric's options and package version."""
    metric_value = value(metric, cell.model)
    identity = [metric_value.setting, sorted(plugin_packages(metric)), sorted(metric_value.files or {})]
    return f"{cell.stream}-{re.sub(r'[^a-z0-9+-]', '-', metric.name.lower())}-{digest(identity)}"
