"""Execute a plan and show it: the plan, the progress bars, warnings."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchbox.bench.cell import Cell
from benchbox.bench.dispatch import load_models
from benchbox.bench.plan import Plan, PlannedCell, Row
from benchbox.bench.runner import prepare, run_sweep
from benchbox.cli.common import command_line, console, error_console, progress_bar, say
from benchbox.cli.tables import plan_table, total_cost
from benchbox.executor import Executor
from benchbox.keeping import kept_beside
from benchbox.registry import registry
from benchbox.report.table import count_of, label, number, status
from benchbox.stopping import Interrupted, stoppable
from benchbox.store import schema
from benchbox.store.store import Store

REFRESH = 0.1
"""Seconds between updates of the bars, so that drawing them does not disturb the measurement."""


class Progress:
    """One bar for the sweep and one for the current cell. Without a terminal: one line per finished cell."""

    def __init__(self, to_do: Sequence[PlannedCell]) -> None:
        self.total = sum(bar_length(planned.cell) for planned in to_do)
        self.bar = progress_bar()
        self.sweep = self.bar.add_task("sweep", total=self.total, visible=bool(to_do))
        self.cell = self.bar.add_task("", total=1, visible=False)
        self.ticks: dict[str, int] = {}
        self.done, self.refreshed = 0, 0.0

    def start(self, planned: PlannedCell) -> None:
        cell = planned.cell
        if planned.todo != "done":
            self.ticks[cell.id] = 0
            self.bar.reset(self.cell, total=bar_length(cell), description=self.name(cell), visible=True)

    @staticmethod
    def name(cell: Cell) -> str:
        sampler = label(cell.identity, "sampler", registry().defaults)
        return f"{sampler}, NFE {number(cell.nfe_requested)}, seed {cell.seed}"

    def tick(self, cell: Cell) -> None:
        self.ticks[cell.id] = min(self.ticks.get(cell.id, 0) + 1, bar_length(cell))
        self.show(cell)

    def reach(self, cell: Cell, n: int) -> None:
        self.ticks[cell.id] = max(self.ticks.get(cell.id, 0), bar_length(cell) * n // cell.n_samples)
        self.show(cell)

    def show(self, cell: Cell) -> None:
        now = time.monotonic()
        if now - self.refreshed > REFRESH:
            self.refreshed = now
            self.bar.update(
                self.cell, completed=self.ticks[cell.id], total=bar_length(cell), description=self.name(cell),
                visible=True,
            )  # fmt: skip
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
        if not error_console.is_terminal:
            value = next((f"{k} {v:.4g}" for k, v in row.items() if k not in schema.ORDER and isinstance(v, float)), "")
            error_console.print(f"{self.name(cell)}: {status(row)} {value}".rstrip(), markup=False, soft_wrap=True)


def bar_length(cell: Cell) -> int:
    """The approximate number of sampler states in a cell: the unit of its bar."""
    if cell.skip:
        return 1
    n_batches = -(-cell.n_samples // (cell.noise_block if cell.adaptive else cell.batch_size))
    return n_batches * (cell.n_levels + 1)


STOPPING = "stopping after the current batch. Press Ctrl-C again to stop immediately."


def execute(
    plan: Plan, store: Store, executor: Executor, stopped: Callable[[Sequence[Row]], str], **options: Any
) -> list[Row]:
    """Execute a plan under its progress bars, and return the rows.

    `stopped` makes the message of an interrupted sweep from the rows so far; the exit status is that of the signal.
    """
    prepare(plan, store)
    rows: list[Row] = []
    n_known = len(store.problems)
    try:
        progress = Progress(plan.to_do)
        with stoppable(partial(say, STOPPING)) as stop, progress.bar, kept_beside(store.directory):
            load_models(plan, executor, options.get("timeout"))
            show_plan(plan, store.directory)
            for row in run_sweep(plan, store, executor, progress, **options):
                rows.append(row)
    except (Interrupted, KeyboardInterrupt):
        say(stopped(rows))
        raise SystemExit(128 + stop.number) from None
    finally:
        executor.shutdown()
    for problem in store.problems[n_known:]:
        say(problem)
    return rows


def show_plan(plan: Plan, directory: Path) -> None:
    """Print the plan, or that there is nothing to do."""
    if plan.to_do:
        error_console.print(plan_table(plan))
    else:
        n_cells = count_of(len(plan.cells), "cell")
        console.print(f"nothing to do: {n_cells} measured already, in {directory} (--force repeats).")


def show_costs(plan: Plan) -> None:
    """Print the plan with the estimated time and memory."""
    console.print(plan_table(plan))
    say(total_cost([planned.cost for planned in plan.cells if planned.cost]))


def resume_message(n_rows: int, n_cells: int, results: Path) -> str:
    """The message of an interrupted sweep: how to resume it."""
    again = shlex.join(word for word in shlex.split(command_line()) if word != "--force")
    return f"stopped: {n_rows} of {n_cells} cells are in {results}; resume with: {again}"
