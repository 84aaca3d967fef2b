"""What a person sees of a sweep: the plan, the bars, the table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from benchbox.bench.cell import Cell
from benchbox.bench.estimate import Costs, Estimate, total
from benchbox.bench.meter import MIB
from benchbox.bench.plan import Todo, ready, todo
from benchbox.cli.common import counted, errors, progress_bar
from benchbox.registry import registry
from benchbox.report.table import compact, label, labels, number, shown, status
from benchbox.store import schema
from benchbox.store.store import Store
from benchbox.store.tables import framed

REFRESH = 0.1
"""Seconds between looks at the clock's bar, so that showing progress costs the measurement nothing."""


@dataclass
class Plan:
    table: RenderableType
    to_do: list[Cell]
    costs: str = ""


def plan_table(cells: list[Cell], store: Store, force: bool, costs: bool = False) -> Plan:
    """The cells with what each budget buys, what is already done and, where asked for, an estimate of the costs."""
    to_do: list[Cell] = []
    lines: list[dict[str, str]] = []
    known = Costs(framed(store.table())) if costs else None
    found: list[Estimate] = []
    for cell in cells:
        what: Todo = todo(cell, store, force)
        if what != "done":
            to_do.append(cell)
        planned, made = cell.nfe_planned, ready(cell, store, what, force)
        if known:
            found.append(known.estimate(cell, cell.n_samples if what == "done" else made))
        lines.append({
            **labels(cell.identity(), registry().usual), "NFE asked": number(cell.nfe_requested),
            "NFE": "measured" if cell.adaptive else number(planned),
            "steps": "" if cell.skip else str(cell.n_levels - 1),
            "evaluations": number(planned * (cell.n_samples - made) if planned else None),
            **(expected(found[-1]) if known else {}),
            "to do": cell.skip or {
                "run": f"yes, from {made:,}" if made else "yes", "metrics": "metrics", "done": "done already",
            }[what],
        })  # fmt: skip
    title = f"{counted(len(cells), 'cell')} of {counted(cells[0].n_samples if cells else 0, 'sample')}"
    return Plan(compact(title, lines), to_do, in_all(found))


def expected(cost: Estimate) -> dict[str, str]:
    return {"seconds": number(cost.seconds, 3), "MiB": number(None if cost.bytes is None else cost.bytes / MIB, 3)}


def in_all(found: list[Estimate]) -> str:
    """What the cells will take together, in a sentence."""
    whole = total(found)
    if whole.seconds is None:
        return "no row measured on this device says how long this takes."
    size = "" if whole.bytes is None else f", and {whole.bytes / MIB:,.3g} MiB of memory at the most"
    return f"expected: about {whole.seconds:,.3g} s of sampling ({whole.basis}), start-up and metrics apart{size}."


def result_table(rows: list[dict[str, Any]]) -> RenderableType:
    """The rows: sampler, budget asked and spent, metrics, costs, status."""
    metrics = list(dict.fromkeys(k for row in rows for k in row if k not in schema.ORDER))
    lines = []
    for row in rows:
        lines.append({
            **labels(row, registry().usual), "NFE asked": number(row["nfe_requested"]), "NFE": number(row.get("nfe")),
            **{m: shown(row.get(m)) for m in metrics if not m.endswith(("_features", "_reference", "_note"))},
            "seconds": number(row.get("wall_s"), 3), "samples/s": number(row.get("samples_per_s"), 3),
            "GPU MiB": number(row.get("gpu_mem_peak_mb"), 4), "status": status(row),
        })  # fmt: skip
    features = sorted({str(row[m]) for row in rows for m in metrics if m.endswith("_features") and row.get(m)})
    title = f"{rows[0]['n_samples'] if rows else 0} samples" + (f", features {', '.join(features)}" if features else "")
    return compact(title, lines)


class Progress:
    """A bar for the sweep and one for the cell, on stderr."""

    def __init__(self, to_do: list[Cell]) -> None:
        self.total = sum(cost(cell) for cell in to_do)
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

    def start(self, cell: Cell, todo: Todo) -> None:
        if todo != "done":
            self.ticks[cell.id] = 0
            self.bar.reset(self.cell, total=cost(cell), description=self.name(cell), visible=True)

    @staticmethod
    def name(cell: Cell) -> str:
        sampler = label(cell.identity(), "sampler", registry().usual)
        return f"{sampler}, NFE {number(cell.nfe_requested)}, seed {cell.seed}"

    def tick(self, cell: Cell) -> None:
        self.ticks[cell.id] = min(self.ticks.get(cell.id, 0) + 1, cost(cell))
        self.show(cell)

    def reach(self, cell: Cell, n: int) -> None:
        self.ticks[cell.id] = max(self.ticks.get(cell.id, 0), cost(cell) * n // cell.n_samples)
        self.show(cell)

    def show(self, cell: Cell) -> None:
        now = time.monotonic()
        if now - self.looked > REFRESH:
            self.looked = now
            self.bar.update(
                self.cell, completed=self.ticks[cell.id], total=cost(cell), description=self.name(cell), visible=True
            )
            self.bar.update(self.sweep, completed=self.done + sum(self.ticks.values()))

    def wait(self, cells: Sequence[Cell], holder: str) -> None:
        self.bar.update(self.cell, description=f"{counted(len(cells), 'cell')} with {holder}", total=None)

    def finish(self, cell: Cell, row: dict[str, Any], todo: Todo) -> None:
        if todo == "done":
            return
        self.ticks.pop(cell.id, None)
        self.done += cost(cell)
        self.bar.update(self.cell, completed=cost(cell), total=cost(cell))
        self.bar.update(self.sweep, completed=self.done)
        if not errors.is_terminal:
            value = next((f"{k} {v:.4g}" for k, v in row.items() if k not in schema.ORDER and isinstance(v, float)), "")
            errors.print(f"{self.name(cell)}: {status(row)} {value}".rstrip(), markup=False, soft_wrap=True)


def cost(cell: Cell) -> int:
    """How many states a cell goes through, about: what its bar counts."""
    if cell.skip:
        return 1
    return -(-cell.n_samples // (cell.noise_block if cell.adaptive else cell.batch_size)) * (cell.n_levels + 1)
