"""Execute a plan and show it: the plan, the progress bars, warnings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchbox.bench import interrupt
from benchbox.bench.plan import Plan, Row
from benchbox.bench.runner import load_models, prepare, run_sweep
from benchbox.cli.common import console, count_of, errors, say
from benchbox.cli.progress import Progress
from benchbox.cli.tables import plan_table, total_cost
from benchbox.executor import Executor
from benchbox.store.store import Store

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
        with interrupt.stoppable(partial(say, STOPPING)) as stop, Progress(plan.to_do) as progress:
            load_models(plan, executor, options.get("timeout"))
            show_plan(plan, store.directory)
            for row in run_sweep(plan, store, executor, progress, **options):
                rows.append(row)
    except (interrupt.Interrupted, KeyboardInterrupt):
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
        errors.print(plan_table(plan))
    else:
        n_cells = count_of(len(plan.cells), "cell")
        console.print(f"nothing to do: {n_cells} measured already, in {directory} (--force repeats).")


def show_costs(plan: Plan) -> None:
    """Print the plan with the estimated time and memory."""
    console.print(plan_table(plan))
    say(total_cost([planned.cost for planned in plan.cells if planned.cost]))
