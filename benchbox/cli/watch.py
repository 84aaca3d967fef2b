"""What a person sees of a sweep: the plan, the bars, the table."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from benchbox.bench import schema
from benchbox.bench.cell import Cell
from benchbox.bench.runner import Todo, todo
from benchbox.bench.store import Store
from benchbox.cli.common import errors, progress_bar
from benchbox.options import defaults, describe, plain
from benchbox.registry import registry

REFRESH = 0.1
"""Seconds between looks at the clock's bar, so that showing progress costs the measurement nothing."""


def options_text(plugin: Any) -> str:
    """The options of an instance that are not at their defaults."""
    return changed(describe(plugin), {k: plain(v) for k, v in defaults(type(plugin)).items()})


def label(cell: Cell) -> str:
    return f"{cell.sampler.name} {options_text(cell.sampler)}".strip()


@dataclass
class Plan:
    table: Table
    to_do: list[Cell]


def plan_table(cells: list[Cell], store: Store, force: bool) -> Plan:
    """The cells with what each budget buys, what it costs, and what is already done."""
    to_do: list[Cell] = []
    lines: list[dict[str, str]] = []
    for cell in cells:
        what: Todo = todo(cell, store, force)
        if what != "done":
            to_do.append(cell)
        planned = cell.nfe_planned
        lines.append({
            "sampler": label(cell), "model": cell.model.name, "schedule": cell.schedule.name, "grid": cell.grid.name,
            "seed": str(cell.seed), "NFE asked": number(cell.nfe_requested),
            "NFE": "measured" if cell.adaptive else number(planned),
            "steps": "" if cell.skip else str(cell.n_levels - 1),
            "evaluations": number(planned * cell.n_samples if planned else None),
            "to do": cell.skip or {"run": "yes", "metrics": "metrics", "done": "done already"}[what],
        })  # fmt: skip
    return Plan(compact(f"{len(cells)} cells of {cells[0].n_samples if cells else 0} samples", lines), to_do)


TEXT = {"sampler", "model", "schedule", "grid", "status", "to do"}
"""Columns of words; the others are numbers, and stand to the right."""


def compact(title: str, lines: list[dict[str, str]]) -> Table:
    """A table of lines; what is the same in all of them goes into the title."""
    same = {k for k in ("model", "schedule", "grid", "seed") if len({line[k] for line in lines if k in line}) == 1}
    shared = [f"{k} {lines[0][k]}" for k in ("model", "schedule", "grid", "seed") if k in same and lines]
    table = Table(title=", ".join([title, *shared]), title_justify="left")
    names = [k for k in (lines[0] if lines else {}) if k not in same]
    for name in names:
        table.add_column(name, justify="left" if name in TEXT else "right")
    for line in lines:
        table.add_row(*(Text(line[name]) for name in names))
    return table


def number(value: float | None, digits: int = 6) -> str:
    return "–" if value is None else f"{value:,.{digits}g}" if isinstance(value, float) else f"{value:,}"


def result_table(rows: list[dict[str, Any]]) -> Table:
    """The rows: sampler, budget asked and spent, metrics, costs, status."""
    metrics = list(dict.fromkeys(k for row in rows for k in row if k not in schema.ORDER))
    lines = []
    for row in rows:
        reason = f" ({row['reason']})" if row.get("reason") else ""
        lines.append({
            "sampler": row_label(row), "model": row["model"], "schedule": row["schedule"], "grid": row["grid"],
            "seed": str(row["seed"]), "NFE asked": number(row["nfe_requested"]), "NFE": number(row.get("nfe")),
            **{m: shown(row.get(m)) for m in metrics if not m.endswith("_features")},
            "seconds": number(row.get("wall_s"), 3), "samples/s": number(row.get("samples_per_s"), 3),
            "GPU MiB": number(row.get("gpu_mem_peak_mb"), 4), "status": row["status"] + reason,
        })  # fmt: skip
    features = sorted({str(row[m]) for row in rows for m in metrics if m.endswith("_features") and row.get(m)})
    title = f"{rows[0]['n_samples'] if rows else 0} samples" + (f", features {', '.join(features)}" if features else "")
    return compact(title, lines)


def shown(value: Any) -> str:
    return value if isinstance(value, str) else number(value, 4)


def row_label(row: dict[str, Any]) -> str:
    """The sampler of a row with the options that are not at their defaults, where the sampler is known here."""
    offers = registry().matches("sampler", row["sampler"])
    usual = {k: plain(v) for k, v in defaults(offers[0].cls).items()} if offers else {}
    return f"{row['sampler']} {changed(json.loads(row['sampler_options']), usual)}".strip()


def changed(options: dict[str, Any], usual: dict[str, Any]) -> str:
    """The options that are not as usual, as one writes them."""
    differ = {k: v for k, v in options.items() if v != usual.get(k)}
    return " ".join(f"{k}={v['name'] if isinstance(v, dict) else v}" for k, v in differ.items())


class Progress:
    """A bar for the sweep and one for the cell, on stderr."""

    def __init__(self, to_do: list[Cell]) -> None:
        self.total = sum(cost(cell) for cell in to_do)
        self.bar = progress_bar()
        self.sweep = self.bar.add_task("sweep", total=self.total, visible=bool(to_do))
        self.cell = self.bar.add_task("", total=1, visible=False)
        self.done = self.ticks = 0
        self.looked = 0.0
        self.current: Cell | None = None

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def start(self, cell: Cell, todo: Todo) -> None:
        self.current, self.ticks = cell, 0
        if todo != "done":
            name = f"{label(cell)} NFE {number(cell.nfe_requested)} seed {cell.seed}"
            self.bar.reset(self.cell, total=cost(cell), description=name, visible=True)

    def tick(self) -> None:
        self.ticks += 1
        now = time.monotonic()
        if now - self.looked > REFRESH:
            self.looked = now
            assert self.current is not None
            here = min(self.ticks, cost(self.current))
            self.bar.update(self.cell, completed=here)
            self.bar.update(self.sweep, completed=self.done + here)

    def finish(self, cell: Cell, row: dict[str, Any], todo: Todo) -> None:
        if todo == "done":
            return
        self.done += cost(cell)
        self.bar.update(self.cell, completed=cost(cell))
        self.bar.update(self.sweep, completed=self.done)
        if not errors.is_terminal:
            value = next((f"{k} {v:.4g}" for k, v in row.items() if k not in schema.ORDER and isinstance(v, float)), "")
            errors.print(f"{label(cell)}, NFE {number(cell.nfe_requested)}, seed {cell.seed}: {row['status']} {value}", markup=False)


def cost(cell: Cell) -> int:
    """How many states a cell goes through, about: what its bar counts."""
    if cell.skip:
        return 1
    return sum(1 for _ in cell.batches()) * (cell.n_levels + 1)
