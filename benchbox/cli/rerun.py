"""benchbox rerun: run the cell of a row again, and compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from benchbox.cli.common import command_line, console, say
from benchbox.errors import UsageError

if TYPE_CHECKING:
    from benchbox.bench.cell import Cell
    from benchbox.store.store import Store


def rerun(
    row: Annotated[str, typer.Argument(help="The cell's id, or the beginning of it.")],
    results: Annotated[
        Path, typer.Option(help="Results directory of the row; the new row is written there, too.")
    ] = Path("results"),
    device: Annotated[str | None, typer.Option(help="cpu, cuda … [default: the row's].")] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Load the code and files that the row names.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Run the closest possible cell if this one cannot be run here.")
    ] = False,
    timeout: Annotated[float | None, typer.Option(min=0, help="Time limit for the cell, in seconds.")] = None,
) -> None:
    """Run the cell of a row again, and compare. Exit status 1 if the result is not reproduced."""
    from benchbox.bench.rerun import differing_columns, find_row
    from benchbox.store.store import Store

    store = Store(results)
    old = find_row(store, row)
    cell = cell_of(old, device, trust, anyway)
    new = run_again(cell, store, timeout, old)
    console.print(comparison_table(old, new))
    raise SystemExit(1 if report_differences(old, new, differing_columns(old, new)) else 0)


def cell_of(old: Mapping[str, Any], device: str | None, trust: bool, anyway: bool) -> Cell:
    """The cell to run for a row. UsageError for a row that loads code without --trust, or cannot be run here."""
    from benchbox.bench.external_code import loads
    from benchbox.bench.hardware import usable
    from benchbox.bench.rerun import obstacles, rebuild
    from benchbox.report.escape import plain_text

    if not trust and (external := loads(old)):
        raise UsageError(
            f"the row names external code or files ({plain_text('; '.join(external))}): "
            "give --trust if you trust its author."
        )
    cell = rebuild(old, usable(device) if device else None)
    if differences := obstacles(old, cell):
        why = plain_text("; ".join(differences))
        if not anyway:
            raise UsageError(f"cell {old['cell']} cannot be rerun as it was: {why} (--anyway runs cell {cell.id}).")
        say(f"this is not the cell of the row: {why}.")
    return cell


def report_differences(old: Mapping[str, Any], new: Mapping[str, Any], names: list[str]) -> bool:
    """Print the columns that should agree and do not; return whether a result is among them."""
    from benchbox.bench.rerun import SURROUNDINGS
    from benchbox.report.escape import plain_text

    for name in names:
        prefix = "environment differs:" if name in SURROUNDINGS else "differs:"
        console.print(plain_text(f"{prefix} {name}: {old[name]} → {new[name]}"), markup=False, soft_wrap=True)
    same = set(names) <= SURROUNDINGS
    if same and new["status"] == "done":
        console.print("Reproduced: all results are identical to the last digit.")
    elif same:
        console.print(
            plain_text(f"Same outcome as before: {new['status']}, {new['reason']}."), markup=False, soft_wrap=True
        )
    return not same


def run_again(cell: Cell, store: Store, timeout: float | None, old: Mapping[str, Any]) -> dict[str, Any]:
    """Run the cell and return its row; a row that is done is not replaced by one that is not."""
    from benchbox.bench.plan import plan_sweep
    from benchbox.cli.watch import execute
    from benchbox.registry import registry

    executor = registry().get("executor", "local")
    plan = plan_sweep([cell], store, executor, force=True, command=command_line(), sweep=old.get("sweep"))
    (new,) = execute(plan, store, executor, lambda _: "stopped; the stored row is unchanged.", timeout=timeout)
    if old["status"] == "done" and new["status"] != "done":
        say(f"this run ended as {new['status']}; the stored row is unchanged.")
        return new
    return store.get(cell.id) or new  # with the types of a row that was read


def comparison_table(old: Mapping[str, Any], new: Mapping[str, Any]) -> Table:
    """Metrics, counts and measurements of the two rows, side by side."""
    from benchbox.report.escape import plain_text
    from benchbox.report.table import value_text
    from benchbox.store import schema

    table = Table("", "row", "now")
    metrics = [name for name in new if name not in schema.ORDER]
    for name in ["status", "nfe", *metrics, *(n for n in schema.ORDER if n in schema.MEASURED and n != "sweep")]:
        pair = [str(v) if isinstance(v, bool) else value_text(v) for v in (old.get(name), new.get(name))]
        table.add_row(*(Text(plain_text(text)) for text in (name, *pair)))
    return table
