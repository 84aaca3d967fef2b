"""benchbox rerun: the cell of a row once more, and whether it comes out the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from benchbox.cli.common import console, devices, say, typed
from benchbox.errors import UsageError

if TYPE_CHECKING:
    from benchbox.bench.cell import Cell
    from benchbox.store.store import Store


def rerun(
    row: Annotated[str, typer.Argument(help="The row's cell, its id or the beginning of it.")],
    results: Annotated[Path, typer.Option(help="Directory of the row; the new one goes there, too.")] = Path("results"),
    device: Annotated[str | None, typer.Option(help="cpu, cuda … [default: as the row].")] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Load the code and the files that the row names.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Run the nearest thing where the very cell cannot be run here.")
    ] = False,
    timeout: Annotated[float | None, typer.Option(min=0, help="Seconds for the cell.")] = None,
) -> None:
    """Run the cell of a row again, and compare. Exit status 1 where it does not repeat."""
    from benchbox.bench.rerun import differing_columns, find_row
    from benchbox.store.store import Store

    store = Store(results)
    old = find_row(store, row)
    cell = cell_of(old, device, trust, anyway)
    new = again(cell, store, timeout, old)
    console.print(side_by_side(old, new))
    raise SystemExit(1 if report_differences(old, new, differing_columns(old, new)) else 0)


def cell_of(old: Mapping[str, Any], device: str | None, trust: bool, anyway: bool) -> Cell:
    """The cell to run for a row. UsageError where it names code that nobody trusts, or cannot be run as it was."""
    from benchbox.bench.external_code import loads
    from benchbox.bench.rerun import obstacles, rebuild
    from benchbox.report.escape import plain_text

    if not trust and (named := loads(old)):
        raise UsageError(
            f"the row names what a rerun would load ({plain_text('; '.join(named))}): "
            "give --trust where you trust whoever wrote it."
        )
    cell = rebuild(old, devices(device) if device else None)
    if others := obstacles(old, cell):
        why = plain_text("; ".join(others))
        if not anyway:
            raise UsageError(f"cell {old['cell']} cannot be rerun as it was: {why} (--anyway runs cell {cell.id}).")
        say(f"this is not the cell of the row: {why}.")
    return cell


def report_differences(old: Mapping[str, Any], new: Mapping[str, Any], names: list[str]) -> bool:
    """Say which columns differ that should not; whether a result is among them."""
    from benchbox.bench.rerun import SURROUNDINGS
    from benchbox.report.escape import plain_text

    for name in names:
        what = "made with another" if name in SURROUNDINGS else "differs:"
        console.print(plain_text(f"{what} {name}: {old[name]} → {new[name]}"), markup=False, soft_wrap=True)
    same = set(names) <= SURROUNDINGS
    if same and new["status"] == "done":
        console.print("It repeats: all results are equal to the last digit.")
    elif same:
        console.print(plain_text(f"It ends as before: {new['status']}, {new['reason']}."), markup=False, soft_wrap=True)
    return not same


def again(cell: Cell, store: Store, timeout: float | None, old: Mapping[str, Any]) -> dict[str, Any]:
    """Run the cell, its row in the store's; the old row is kept where this one did not end as well."""
    from benchbox.bench.plan import plan_sweep
    from benchbox.cli.watch import execute
    from benchbox.registry import registry

    executor = registry().get("executor", "local")
    plan = plan_sweep([cell], store, executor, force=True, command=typed(), sweep=old.get("sweep"))
    (new,) = execute(plan, store, executor, lambda _: "stopped; the row is as it was.", timeout=timeout)
    if old["status"] == "done" and new["status"] != "done":
        say(f"it ended as {new['status']}; the row is as it was.")
        return new
    return store.get(cell.id) or new  # as it is read


def side_by_side(old: Mapping[str, Any], new: Mapping[str, Any]) -> Table:
    """Metrics, counts and measurements of the two rows."""
    from benchbox.report.escape import plain_text
    from benchbox.report.table import value_text
    from benchbox.store import schema

    table = Table("", "row", "now")
    metrics = [name for name in new if name not in schema.ORDER]
    for name in ["status", "nfe", *metrics, *(n for n in schema.ORDER if n in schema.MEASURED and n != "sweep")]:
        pair = [str(v) if isinstance(v, bool) else value_text(v) for v in (old.get(name), new.get(name))]
        table.add_row(*(Text(plain_text(text)) for text in (name, *pair)))
    return table
