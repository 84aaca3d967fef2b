"""Tables of a sweep: the plan before it, the rows after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from benchbox.bench.estimate import CostEstimate, total
from benchbox.bench.plan import Plan, PlannedCell, Row
from benchbox.registry import registry
from benchbox.report.table import changed_options, compact_table, count_of, labels, number, status, value_text
from benchbox.store import schema
from benchbox.store.values import Value, split_label, values

HIDDEN_ENDINGS = ("_features", "_reference", "_note")
"""Endings of metric columns that the table leaves out."""

UNRELIABLE = "~"
UNRELIABLE_NOTE = (
    "not to be compared: taken on a busy machine, beside other workers, on machines that differ, with batches that had "
    "to be halved, or for some of the samples only"
)
"""Of rows whose `timing_valid` is false."""


def plan_table(plan: Plan) -> RenderableType:
    """The cells: what each budget buys, what is already done and, with --dry-run, the estimated cost."""
    n_samples = plan.cells[0].cell.n_samples if plan.cells else 0
    title = f"{count_of(len(plan.cells), 'cell')} of {count_of(n_samples, 'sample')}"
    return compact_table(title, [_plan_line(planned) for planned in plan.cells])


def _plan_line(planned: PlannedCell) -> dict[str, str]:
    cell, nfe = planned.cell, planned.cell.nfe_planned
    run = f"yes, from {planned.n_kept:,}" if planned.n_kept else "yes"
    to_do = {"run": run, "metrics": "metrics" if planned.metrics else "samples", "done": "done already"}
    return {
        **labels(cell.identity, registry().defaults), "NFE asked": number(cell.nfe_requested),
        "NFE": "measured" if cell.adaptive else number(nfe),
        "denoiser": number(cell.calls_planned) if cell.guidance and cell.calls_planned else "",
        "steps": "" if cell.skip else str(cell.n_levels - 1),
        "evaluations": number(nfe * (cell.n_samples - planned.n_kept) if nfe else None),
        **(_cost_columns(planned.cost) if planned.cost else {}), "to do": cell.skip or to_do[planned.todo],
    }  # fmt: skip


def _cost_columns(cost: CostEstimate) -> dict[str, str]:
    return {
        "seconds": number(cost.seconds, 3),
        "MiB": number(None if cost.bytes is None else cost.bytes / schema.MIB, 3),
    }


def total_cost(costs: Sequence[CostEstimate]) -> str:
    """The estimated cost of the whole sweep, as a sentence."""
    cost = total(costs)
    if cost.seconds is None:
        return "no row measured on this device says how long this takes."
    memory = "" if cost.bytes is None else f", and at most {cost.bytes / schema.MIB:,.3g} MiB of memory"
    return f"expected: about {cost.seconds:,.3g} s of sampling ({cost.basis}), without start-up and metrics{memory}."


def result_table(rows: Sequence[Row]) -> RenderableType:
    """The rows: sampler, NFE requested and spent, metrics, costs, status."""
    settings = {(value.metric, _options_of(value)) for row in rows for value in values(row)}
    several = {metric for metric, n in Counter(metric for metric, _ in settings).items() if n > 1}
    columns = [_metric_columns(row, several) for row in rows]
    headings = list(dict.fromkeys(heading for row_columns in columns for heading in row_columns))
    features = sorted({str(v) for row in rows for k, v in row.items() if split_label(k)[0].endswith("_features") and v})
    title = f"{rows[0]['n_samples'] if rows else 0} samples" + (f", features {', '.join(features)}" if features else "")
    metrics = [{h: value_text(row_columns.get(h)) for h in headings} for row_columns in columns]
    table = compact_table(title, [_result_line(*pair) for pair in zip(rows, metrics, strict=True)])
    return Group(table, Text(f"{UNRELIABLE} {UNRELIABLE_NOTE}")) if any(map(_unreliable, rows)) else table


def _unreliable(row: Row) -> bool:
    """Whether the row has times that say little about its sampler."""
    return row.get("wall_s") is not None and row.get("timing_valid") is False


def _result_line(row: Row, metrics: dict[str, str]) -> dict[str, str]:
    return {
        **labels(row, registry().defaults), "NFE asked": number(row["nfe_requested"]), "NFE": number(row.get("nfe")),
        **metrics, "seconds": _time(row, "wall_s"), "samples/s": _time(row, "samples_per_s"),
        "GPU MiB": number(row.get("gpu_mem_peak_mb"), 4), "status": status(row),
    }  # fmt: skip


def _time(row: Row, column: str) -> str:
    """A measured time, or a rate, marked where it is unreliable."""
    return UNRELIABLE * (_unreliable(row) and row.get(column) is not None) + number(row.get(column), 3)


def _metric_columns(row: Row, several: set[str]) -> dict[str, Any]:
    """The metric columns of a row by their headings: with the setting, for metrics that have several in the table.

    One heading is one setting, whichever of them a row has under the metric's own name.
    """
    columns, row_values = {}, values(row)
    for column, value in row.items():
        name, mark = split_label(column)
        if column in schema.ORDER or name.endswith(HIDDEN_ENDINGS):
            continue
        owner = next((v for v in row_values if v.suffix == mark and (mark or _is_of(name, v))), None)
        setting = _options_of(owner) if owner and owner.metric in several else ""
        columns[f"{name} ({setting})" if setting else name] = value
    return columns


def _is_of(name: str, value: Value) -> bool:
    """Whether an unmarked column belongs to a value."""
    return name in value.columns if value.columns else f"{name}_".startswith(f"{value.metric}_")


def _options_of(value: Value) -> str:
    return changed_options(value.options, "metric", value.metric, registry().defaults)
