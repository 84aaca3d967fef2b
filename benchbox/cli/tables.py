"""Tables of a sweep: the plan before it, the rows after it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType

from benchbox.bench.cell import Cell
from benchbox.bench.estimate import CostEstimate, total
from benchbox.bench.meter import MIB
from benchbox.bench.plan import Plan, PlannedCell, Row
from benchbox.cli.common import count_of
from benchbox.registry import registry
from benchbox.report.table import changed_options, compact_table, labels, number, status, value_text
from benchbox.store import schema
from benchbox.store.values import split_label, values

HIDDEN_ENDINGS = ("_features", "_reference", "_note")
"""Endings of metric columns that the table leaves out."""


def plan_table(plan: Plan) -> RenderableType:
    """The cells: what each budget buys, what is already done and, with --dry-run, the estimated cost."""
    n_samples = plan.cells[0].cell.n_samples if plan.cells else 0
    title = f"{count_of(len(plan.cells), 'cell')} of {count_of(n_samples, 'sample')}"
    return compact_table(title, [_plan_line(planned) for planned in plan.cells])


def _plan_line(planned: PlannedCell) -> dict[str, str]:
    cell, nfe = planned.cell, planned.cell.nfe_planned
    return {
        **labels(cell.identity, registry().usual), "NFE asked": number(cell.nfe_requested),
        "NFE": "measured" if cell.adaptive else number(nfe), **_denoiser_calls(cell),
        "steps": "" if cell.skip else str(cell.n_levels - 1),
        "evaluations": number(nfe * (cell.n_samples - planned.n_kept) if nfe else None),
        **(_cost_columns(planned.cost) if planned.cost else {}), "to do": _to_do(planned),
    }  # fmt: skip


def _denoiser_calls(cell: Cell) -> dict[str, str]:
    """Evaluations of the denoiser: fewer than those of the network under a guidance."""
    return {"denoiser": "" if cell.guidance is None or cell.adaptive else number(cell.calls_planned)}


def _to_do(planned: PlannedCell) -> str:
    run = f"yes, from {planned.n_kept:,}" if planned.n_kept else "yes"
    metrics = "metrics" if planned.metrics else "samples"
    return planned.cell.skip or {"run": run, "metrics": metrics, "done": "done already"}[planned.todo]


def _cost_columns(cost: CostEstimate) -> dict[str, str]:
    return {"seconds": number(cost.seconds, 3), "MiB": number(None if cost.bytes is None else cost.bytes / MIB, 3)}


def total_cost(costs: Sequence[CostEstimate]) -> str:
    """The estimated cost of the whole sweep, as a sentence."""
    cost = total(costs)
    if cost.seconds is None:
        return "no row measured on this device says how long this takes."
    memory = "" if cost.bytes is None else f", and at most {cost.bytes / MIB:,.3g} MiB of memory"
    return f"expected: about {cost.seconds:,.3g} s of sampling ({cost.basis}), without start-up and metrics{memory}."


def result_table(rows: Sequence[Row]) -> RenderableType:
    """The rows: sampler, NFE requested and spent, metrics, costs, status."""
    metrics = list(dict.fromkeys(k for row in rows for k in row if k not in schema.ORDER))
    shown = {m: _header(m, rows) for m in metrics if not split_label(m)[0].endswith(HIDDEN_ENDINGS)}
    features = sorted(
        {str(row[m]) for row in rows for m in metrics if split_label(m)[0].endswith("_features") and row.get(m)}
    )
    title = f"{rows[0]['n_samples'] if rows else 0} samples" + (f", features {', '.join(features)}" if features else "")
    return compact_table(title, [_result_line(row, shown) for row in rows])


def _result_line(row: Row, metric_headers: dict[str, str]) -> dict[str, str]:
    return {
        **labels(row, registry().usual), "NFE asked": number(row["nfe_requested"]), "NFE": number(row.get("nfe")),
        **{header: value_text(row.get(metric)) for metric, header in metric_headers.items()},
        "seconds": number(row.get("wall_s"), 3), "samples/s": number(row.get("samples_per_s"), 3),
        "GPU MiB": number(row.get("gpu_mem_peak_mb"), 4), "status": status(row),
    }  # fmt: skip


def _header(column: str, rows: Sequence[Row]) -> str:
    """The name of a metric column, with its non-default options where the metric has several columns."""
    name, mark = split_label(column)
    value = next((v for row in rows for v in values(row) if mark and v.suffix == mark), None)
    if value is None:
        return column
    return f"{name} ({changed_options(value.options, 'metric', value.metric, registry().usual) or mark})"
