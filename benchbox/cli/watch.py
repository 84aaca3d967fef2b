"""What a person sees of a sweep: the plan, the bars, the table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from benchbox.bench import interrupt
from benchbox.bench.cell import Cell
from benchbox.bench.estimate import CostEstimate, total
from benchbox.bench.meter import MIB
from benchbox.bench.plan import Plan, PlannedCell, Row
from benchbox.bench.runner import load_models, run_sweep
from benchbox.cli.common import console, count_of, errors, progress_bar, say
from benchbox.executor import Executor
from benchbox.registry import registry
from benchbox.report.table import changed_options, compact_table, label, labels, number, status, value_text
from benchbox.store import schema
from benchbox.store.store import Store
from benchbox.store.values import split_label, values

ASIDE = ("_features", "_reference", "_note")
"""Endings of columns that are left out of the table."""

REFRESH = 0.1
"""Seconds between looks at the clock's bar, so that showing progress costs the measurement nothing."""


STOPPING = "stopping after the current batch. Press Ctrl-C again to stop immediately."


def execute(
    plan: Plan, store: Store, executor: Executor, stopped: Callable[[Sequence[Row]], str], **how: Any
) -> list[Row]:
    """Execute a plan under its progress bars, and return the rows.

    `stopped` is what to say, of the rows so far, where a signal stops it; the exit status is then that of the signal.
    """
    store.prepare()
    rows: list[Row] = []
    known = len(store.problems)
    try:
        with interrupt.stoppable(partial(say, STOPPING)) as stop, Progress(plan.to_do) as watcher:
            load_models(plan, executor, how.get("timeout"))
            show_plan(plan, store.directory)
            for row in run_sweep(plan, store, executor, watcher, **how):
                rows.append(row)
    except (interrupt.Interrupted, KeyboardInterrupt):
        say(stopped(rows))
        raise SystemExit(128 + stop.number) from None
    finally:
        executor.shutdown()
    for problem in store.problems[known:]:
        say(problem)
    return rows


def show_plan(plan: Plan, directory: Path) -> None:
    if plan.to_do:
        errors.print(plan_table(plan))
    else:
        n = count_of(len(plan.cells), "cell")
        console.print(f"nothing to do: {n} measured already, in {directory} (--force repeats).")


def show_costs(plan: Plan) -> None:
    """The plan with the time and the memory that it is expected to take."""
    console.print(plan_table(plan))
    costs = [planned.cost for planned in plan.cells if planned.cost]
    say(in_all(costs))


def plan_table(plan: Plan) -> RenderableType:
    """The cells with what each budget buys, what is already done and, where there is one, an estimate of the cost."""
    n_samples = plan.cells[0].cell.n_samples if plan.cells else 0
    title = f"{count_of(len(plan.cells), 'cell')} of {count_of(n_samples, 'sample')}"
    return compact_table(title, [plan_line(planned) for planned in plan.cells])


def plan_line(planned: PlannedCell) -> dict[str, str]:
    cell, nfe = planned.cell, planned.cell.nfe_planned
    return {
        **labels(cell.identity, registry().usual), "NFE asked": number(cell.nfe_requested),
        "NFE": "measured" if cell.adaptive else number(nfe), **calls(cell),
        "steps": "" if cell.skip else str(cell.n_levels - 1),
        "evaluations": number(nfe * (cell.n_samples - planned.n_kept) if nfe else None),
        **(expected(planned.cost) if planned.cost else {}), "to do": to_do(planned),
    }  # fmt: skip


def calls(cell: Cell) -> dict[str, str]:
    """The evaluations of the denoiser, which are fewer than the network's under a guidance."""
    return {"denoiser": "" if cell.guidance is None or cell.adaptive else number(cell.calls_planned)}


def to_do(planned: PlannedCell) -> str:
    kept = f"yes, from {planned.n_kept:,}" if planned.n_kept else "yes"
    more = "metrics" if planned.metrics else "samples"
    return planned.cell.skip or {"run": kept, "metrics": more, "done": "done already"}[planned.todo]


def expected(cost: CostEstimate) -> dict[str, str]:
    return {"seconds": number(cost.seconds, 3), "MiB": number(None if cost.bytes is None else cost.bytes / MIB, 3)}


def in_all(costs: Sequence[CostEstimate]) -> str:
    """What the cells will take together, in a sentence."""
    whole = total(costs)
    if whole.seconds is None:
        return "no row measured on this device says how long this takes."
    size = "" if whole.bytes is None else f", and {whole.bytes / MIB:,.3g} MiB of memory at the most"
    return f"expected: about {whole.seconds:,.3g} s of sampling ({whole.basis}), start-up and metrics apart{size}."


def result_table(rows: Sequence[Row]) -> RenderableType:
    """The rows: sampler, budget asked and spent, metrics, costs, status."""
    metrics = list(dict.fromkeys(k for row in rows for k in row if k not in schema.ORDER))
    headers = {m: header(m, rows) for m in metrics}
    lines = []
    for row in rows:
        lines.append({
            **labels(row, registry().usual), "NFE asked": number(row["nfe_requested"]), "NFE": number(row.get("nfe")),
            **{headers[m]: value_text(row.get(m)) for m in metrics if not split_label(m)[0].endswith(ASIDE)},
            "seconds": number(row.get("wall_s"), 3), "samples/s": number(row.get("samples_per_s"), 3),
            "GPU MiB": number(row.get("gpu_mem_peak_mb"), 4), "status": status(row),
        })  # fmt: skip
    features = sorted(
        {str(row[m]) for row in rows for m in metrics if split_label(m)[0].endswith("_features") and row.get(m)}
    )
    title = f"{rows[0]['n_samples'] if rows else 0} samples" + (f", features {', '.join(features)}" if features else "")
    return compact_table(title, lines)


def header(column: str, rows: Sequence[Row]) -> str:
    """A metric's column, with the options that are not as usual where it stands beside another of its metric's."""
    name, mark = split_label(column)
    found = next((v for row in rows for v in values(row) if mark and v.suffix == mark), None)
    if found is None:
        return column
    return f"{name} ({changed_options(found.options, 'metric', found.metric, registry().usual) or mark})"


class Progress:
    """A bar for the sweep and one for the cell, on stderr."""

    def __init__(self, to_do: Sequence[PlannedCell]) -> None:
        self.total = sum(bar_length(planned.cell) for planned in to_do)
        self.bar = progress_bar()
        self.sweep = self.bar.add_task("sweep", total=self.total, visible=bool(to_do))
        self.cell = self.bar.add_task("", total=1, visible=False)
        self.ticks: dict[str, int] = {}
        self.done, self.looked = 0, 0.0

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def start(self, planned: PlannedCell) -> None:
        cell = planned.cell
        if planned.todo != "done":
            self.ticks[cell.id] = 0
            self.bar.reset(self.cell, total=bar_length(cell), description=self.name(cell), visible=True)

    @staticmethod
    def name(cell: Cell) -> str:
        sampler = label(cell.identity, "sampler", registry().usual)
        return f"{sampler}, NFE {number(cell.nfe_requested)}, seed {cell.seed}"

    def tick(self, cell: Cell) -> None:
        self.ticks[cell.id] = min(self.ticks.get(cell.id, 0) + 1, bar_length(cell))
        self.show(cell)

    def reach(self, cell: Cell, n: int) -> None:
        self.ticks[cell.id] = max(self.ticks.get(cell.id, 0), bar_length(cell) * n // cell.n_samples)
        self.show(cell)

    def show(self, cell: Cell) -> None:
        now = time.monotonic()
        if now - self.looked > REFRESH:
            self.looked = now
            self.bar.update(
                self.cell,
                completed=self.ticks[cell.id],
                total=bar_length(cell),
                description=self.name(cell),
                visible=True,
            )
            self.bar.update(self.sweep, completed=self.done + sum(self.ticks.values()))

    def wait(self, cells: Sequence[PlannedCell], holder: str) -> None:
        self.bar.update(self.cell, description=f"{count_of(len(cells), 'cell')} with {holder}", total=None)

    def finish(self, planned: PlannedCell, row: Row) -> None:
        cell = planned.cell
        if planned.todo == "done":
            return
        self.ticks.pop(cell.id, None)
        self.done += bar_length(cell)
        self.bar.update(self.cell, completed=bar_length(cell), total=bar_length(cell))
        self.bar.update(self.sweep, completed=self.done)
        if not errors.is_terminal:
            value = next((f"{k} {v:.4g}" for k, v in row.items() if k not in schema.ORDER and isinstance(v, float)), "")
            errors.print(f"{self.name(cell)}: {status(row)} {value}".rstrip(), markup=False, soft_wrap=True)


def bar_length(cell: Cell) -> int:
    """How many states a cell goes through, about: what its bar counts."""
    if cell.skip:
        return 1
    return -(-cell.n_samples // (cell.noise_block if cell.adaptive else cell.batch_size)) * (cell.n_levels + 1)
