"""Work–precision diagrams: quality against what it costs, from the boards of one series."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from benchbox.guidance import NO_LIMIT
from benchbox.report.board import Board, BoardTask, Entry, Setup
from benchbox.report.leaderboard import full_name, metric_setting
from benchbox.report.leaderboard import name as part_name
from benchbox.report.plots.chart import Chart, Line, Point, drawable, non_dominated
from benchbox.report.table import Usual, guidance_label

CostName = Literal["nfe", "seconds", "memory"]

COST_AXES: dict[CostName, str] = {
    "nfe": "NFE (network evaluations per sample)",
    "seconds": "seconds per 1,000 samples",
    "memory": "peak memory (MB)",
}
"""What quality can be drawn against, and how the axis is called."""

FRONT = "non-dominated front"
"""Where no other setup is both better and cheaper."""


def series(boards: Iterable[Board]) -> list[list[Board]]:
    """Boards that differ in the budget alone, together; in the order in which they come.

    Those of samples that were made elsewhere are left out: what these cost is not known. Where a guidance has no
    continuous limit each board stands alone, as no curve can be drawn.
    """
    groups: dict[object, list[Board]] = defaultdict(list)
    for board in (b for b in boards if b.levels != "unknown"):
        moving = any(NO_LIMIT in str(entry.row.get("reason")) for entry in board.entries)
        groups[board.series, board.budget if moving else None].append(board)
    return list(groups.values())


def quality_chart(boards: Sequence[Board], cost: CostName, usual: Usual) -> Chart:
    """The chart of one series: a line for each setup, a point for each budget, dominated points pale.

    Seconds and memory are those of one machine, the one that most entries ran on; entries of others are left out,
    and the caption says how many.
    """
    device, entries = _on_one_device(boards, cost)
    names = setup_names([e.setup for _, e in entries], usual)
    points: dict[str, list[Point]] = defaultdict(list)
    for board, entry in entries:
        if drawable(x := spent(entry, cost), entry.value):
            points[names[entry.setup]].append(point(x, entry, board))
    front = non_dominated((p for line in points.values() for p in line), boards[0].highest)
    lines = [
        Line(name, tuple(replace(p, strong=p in front) for p in sorted(line, key=lambda p: p.x)))
        for name, line in sorted(points.items())
    ]
    return Chart(
        title=task_heading(boards[0].task, usual), x=COST_AXES[cost] + (f", {device}" if device else ""),
        y=metric_heading(boards[0].task, usual),
        lines=tuple(lines), caption=_caption(boards, entries, device, sum(map(len, points.values()))), front=FRONT,
        highest=boards[0].highest,
    )  # fmt: skip


def _on_one_device(boards: Sequence[Board], cost: CostName) -> tuple[str, list[tuple[Board, Entry]]]:
    entries = [(board, entry) for board in boards for entry in board.entries]
    if cost == "nfe":
        return "", entries
    counts = Counter(e.cost.device for _, e in entries if not math.isnan(spent(e, cost)))
    device = counts.most_common(1)[0][0] if counts else ""
    return device, [(board, entry) for board, entry in entries if entry.cost.device == device]


def point(x: float, entry: Entry, board: Board) -> Point:
    asked = "adaptive" if board.budget is None else f"{entry.nfe:g} NFE"
    return Point(x, entry.value, entry.low, entry.high, asked)


def spent(entry: Entry, cost: CostName) -> float:
    """What an entry costs; nan where it was not measured."""
    return {"nfe": entry.nfe, "seconds": entry.cost.seconds, "memory": entry.cost.memory_mb}[cost]


METRIC_NAMES = {
    "fid": "FID", "kid": "KID", "isc": "inception score", "f_score": "F score", "w2": "W2", "sw2": "sliced W2",
    "mmd": "MMD", "energy": "energy distance", "mode_recall": "recall of modes", "ode_error": "ODE error",
}  # fmt: skip
"""Metrics, as a heading says them."""


def metric_heading(task: BoardTask, usual: Usual) -> str:
    """The metric, as a heading says it."""
    name = METRIC_NAMES.get(task.metric, task.metric)
    said = ", ".join(filter(None, (task.features, metric_setting(task, usual))))
    return f"{name} ({said})" if said else name


def task_heading(task: BoardTask, usual: Usual) -> str:
    """What was compared: model, metric, samples."""
    guidance = guidance_label(vars(task), usual)
    model = f"{task.model}, {guidance}" if guidance else task.model
    return f"{model}: {metric_heading(task, usual)} of {task.n_samples:,} samples"


def _caption(boards: Sequence[Board], entries: Sequence[tuple[Board, Entry]], device: str, drawn: int) -> str:
    better = "up and left" if boards[0].highest else "down and left"
    levels = {"same": "one schedule and grid for all", "recommended": "each sampler on the levels it recommends"}
    seeds = [len(e.seeds) for _, e in entries] or [0]
    parts = [
        f"Better is {better}.", f"Bars: 95 % intervals; seeds: {_range(seeds)}.", "Pale points are dominated.",
        f"{levels[boards[0].levels].capitalize()}.",
    ]  # fmt: skip
    left = sum(len(b.entries) for b in boards) - len(entries)
    if device and left:
        parts.append(f"Left out, as measured on other machines: {left}.")
    if drawn < len(entries):
        parts.append(f"Not drawn, for want of a place on a logarithmic axis: {len(entries) - drawn}.")
    return " ".join(parts)


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def setup_names(setups: Iterable[Setup], usual: Usual) -> dict[Setup, str]:
    """A name for each setup: as on its board, with the levels where these are needed to tell setups apart."""
    distinct = list(dict.fromkeys(setups))
    names = {setup: full_name(setup, distinct, usual) for setup in distinct}
    counts = Counter(names.values())
    return {
        setup: name
        if counts[name] == 1
        else ", ".join([name, *(part_name(setup, kind, usual) for kind in ("schedule", "grid"))])
        for setup, name in names.items()
    }
