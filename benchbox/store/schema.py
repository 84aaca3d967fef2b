"""The columns of a row: their types, and which are measured (all others repeat exactly)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

VERSION = 6

MIB = 2**20
"""Bytes in the unit of the columns `…_mb`."""

INTEGER = (
    "seed", "n_samples", "n_timed", "batch_size", "noise_block", "nfe_requested", "clamped", "steps", "threads",
    "contract", "measurements",
)  # fmt: skip
NUMBER = (
    "nfe", "nfe_max", "nfe_guides", "denoiser_calls", "n_backward", "wall_s", "model_s", "overhead", "decode_s",
    "compile_s", "samples_per_s", "gpu_mem_peak_mb", "gpu_mem_reserved_mb", "rss_peak_mb", "energy_j",
)  # fmt: skip
ORDER = (
    "stream", "cell", "sampler", "sampler_options", "sampler_package", "sampler_version", "model", "model_options",
    "model_sha256", "schedule", "schedule_options", "grid", "grid_options", "dataset", "seed", "n_samples",
    "batch_size", "dtype", "weights_dtype", "memory_format", "compile", "final", "noise_block", "noise_device",
    "guidance", "guidance_options", "guidance_package", "guidance_version", "problem", "problem_options",
    "problem_package", "problem_version", "measurements", "nfe_of", "nfe_policy", "nfe_requested", "nfe", "nfe_max",
    "nfe_guides", "denoiser_calls", "n_backward", "clamped", "steps", "n_timed", "wall_s", "model_s", "overhead",
    "decode_s", "compile_s", "samples_per_s", "gpu_mem_peak_mb", "gpu_mem_reserved_mb", "rss_peak_mb", "energy_j",
    "timing_valid", "metric_options", "metric_values", "status", "reason", "executor", "device", "threads", "flags",
    "host", "torch", "cuda", "driver", "benchbox", "contract", "git", "packages", "command", "sweep", "started_at",
)  # fmt: skip
LATER = frozenset({
    "n_timed", "noise_block", "noise_device", "flags", "driver", "packages", "sweep", "metric_values",
    "guidance_options", "guidance_package", "guidance_version", "nfe_of", "nfe_guides", "denoiser_calls", "problem",
    "problem_options", "problem_package", "problem_version", "measurements", "weights_dtype", "memory_format",
    "compile", "compile_s",
})  # fmt: skip
"""Columns that rows of earlier versions lack."""

NEEDED = tuple(name for name in ORDER if name not in LATER)
"""Columns that every row has."""

STATED = ("stream", "cell", "sampler", "model", "schedule", "grid", "seed", "n_samples", "status")
"""Columns that no row may leave empty."""

OF_A_RUN = ("model", "schedule", "grid")
"""Those of them that a row of samples from elsewhere leaves empty: see SCORED."""

JSON = (
    "sampler_options", "model_options", "schedule_options", "grid_options", "guidance_options", "problem_options",
    "metric_options", "metric_values", "flags", "packages",
)  # fmt: skip
"""Columns that hold a JSON object."""

ROW_HASH = b"benchbox_sha256"
"""In the metadata of a cell's own file: the hash of its row, by which a file that was changed is found."""

COLUMN_TYPES: dict[str, pa.DataType] = (
    dict.fromkeys(ORDER, pa.string())
    | dict.fromkeys(INTEGER, pa.int64())
    | dict.fromkeys(NUMBER, pa.float64())
    | {"timing_valid": pa.bool_()}
)
"""The columns of every row; a row's other columns are its metrics', numbers or text."""

MEASURED = frozenset({
    "n_timed", "wall_s", "model_s", "overhead", "decode_s", "compile_s", "samples_per_s", "gpu_mem_peak_mb",
    "gpu_mem_reserved_mb", "rss_peak_mb", "energy_j", "timing_valid", "host", "sweep", "started_at",
})  # fmt: skip
"""Columns that differ from one measurement of the same cell to the next (`sweep`: the same cell in another sweep)."""


SCORED = "score:"
"""With what `sampler` begins in a row of samples that were made elsewhere: no schedule, no grid and no NFE is known."""


def scored(row: Mapping[str, Any]) -> bool:
    """Whether a row is of samples that were made elsewhere."""
    return str(row.get("sampler")).startswith(SCORED)


FIELDS = [
    pa.field(name, COLUMN_TYPES[name], metadata={"measured": "true" if name in MEASURED else "false"}) for name in ORDER
]


def schema(metrics: dict[str, Any]) -> pa.Schema:
    """The schema of a row with these metric columns."""
    types = {name: pa.string() if isinstance(value, str) else pa.float64() for name, value in metrics.items()}
    extra = [pa.field(name, kind, metadata={"measured": "false"}) for name, kind in types.items()]
    at = ORDER.index("metric_options")
    return pa.schema([*FIELDS[:at], *extra, *FIELDS[at:]], metadata={"benchbox_schema": str(VERSION)})


def table(row: dict[str, Any]) -> pa.Table:
    """A row as a table of one line with a hash of it; what it lacks is null, metric columns are those not in `ORDER`.

    A lone surrogate in a text, as in a file name that is not UTF-8, is escaped.
    """
    metrics = {k: v for k, v in row.items() if k not in ORDER}
    texts = {k: v.encode("utf-8", "backslashreplace").decode() for k, v in row.items() if isinstance(v, str)}
    made = pa.Table.from_pylist([row | texts], schema=schema(metrics))
    return made.replace_schema_metadata(made.schema.metadata | {ROW_HASH: row_hash(made)})


def row_hash(row: pa.Table) -> bytes:
    """The SHA-256 of the values of a table of one row."""
    values = {name: value for name, value in row.to_pylist()[0].items() if value is not None}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest().encode()


def marked(rows: pa.Table) -> pa.Table:
    """Rows with the schema's marks; a column that they lack is null."""
    metrics = {n: "" if pa.types.is_string(rows[n].type) else 0.0 for n in rows.column_names if n not in COLUMN_TYPES}
    wanted = schema(metrics)
    columns = [rows[f.name] if f.name in rows.column_names else pa.nulls(len(rows), f.type) for f in wanted]
    return pa.Table.from_arrays(columns, schema=wanted).combine_chunks()
