"""A metric against an option, or against another metric with the option along the curve."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from benchbox.errors import UsageError, unknown
from benchbox.report.board import BoardTask, grouped
from benchbox.report.entry import SETUP, BoardRow
from benchbox.report.estimate import mean
from benchbox.report.headings import METRIC_NAMES, metric_heading, task_heading
from benchbox.report.plots.chart import INTERVALS_CLAUSE, Chart, Line, Point, drawable
from benchbox.report.prepared import RANKED, TASK_COLUMNS, prepared_rows
from benchbox.report.table import Defaults, label

SCALE = "guidance.scale"
"""The option along a curve of two metrics."""

LABEL_KINDS = ("guidance", "model", "sampler", "schedule", "grid")
TRADEOFFS = (("fid", "class_accuracy"), ("precision", "recall"), ("fid", SCALE))
"""The trade-offs on the page: what is on the y axis, and on the x axis."""

VARIED = "varied"
"""The key of a row's value of the option."""


def tradeoff_charts(rows: pd.DataFrame, x: str, metric: str, defaults: Defaults) -> list[Chart]:
    """A chart for each task, the one with the most points first.

    x: an option, such as `guidance.scale`, or a metric, against which the option `guidance.scale` moves along the
    curve. UsageError where no row has the option as a number, or the metric.
    """
    for name in (metric, *([] if "." in x else [x])):
        if name not in RANKED or name not in rows:
            raise unknown("metric among the rows", name, [column for column in RANKED if column in rows])
    along = x if "." in x else SCALE
    records = [r for r in _varied(prepared_rows(rows, metric), along) if _measured(r)]
    if not records:
        raise UsageError(f"no row has {metric} and a number for {along}: write an option as KIND.OPTION.")
    others = {} if "." in x else {r["cell"]: r["value"] for r in prepared_rows(rows, x) if _measured(r)}
    charts = [
        _chart(BoardTask(metric, *key), group, x, others, defaults)
        for key, group in sorted(grouped(records, TASK_COLUMNS).items())
    ]
    drawn = [chart for chart in charts if any(len(line.points) > 1 for line in chart.lines)]
    if not drawn:
        raise UsageError(
            f"there is nothing to draw: no two rows of a setup, with values above 0 of {metric} and {x}, "
            f"differ in {along} alone."
        )
    return sorted(drawn, key=lambda chart: -sum(len(line.points) for line in chart.lines))


def _measured(record: BoardRow) -> bool:
    return record["status"] == "done" and not math.isnan(record["value"])


def _varied(records: Sequence[BoardRow], along: str) -> Iterator[dict[str, Any]]:
    """The records without the option in their options, and with its value as `varied`."""
    kind, _, option = along.partition(".")
    if kind not in LABEL_KINDS:
        raise unknown("kind of option", kind, LABEL_KINDS)
    for record in records:
        options = json.loads(record[f"{kind}_options"] or "{}")
        value = options.pop(option, None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield {**record, f"{kind}_options": json.dumps(options, sort_keys=True), VARIED: float(value)}


def _chart(
    task: BoardTask, records: Sequence[BoardRow], x: str, others: Mapping[str, float], defaults: Defaults
) -> Chart:
    """The chart of one task: a line for each setup and budget."""
    option, lines = (x if "." in x else SCALE).partition(".")[2], []
    for group in grouped(records, [*SETUP, "nfe_requested"]).values():
        points = _points(group, x, others, option)
        if points:
            lines.append((group[0], points))
    named = _names([row for row, _ in lines], defaults)
    caption = [f"Better is {'up' if RANKED[task.metric].highest else 'down'}{_aside(x)}."]
    drawn = [tuple(p for p in points if drawable(p.x, p.y)) for _, points in lines]
    caption += [f"{INTERVALS_CLAUSE}."] if any(math.isfinite(p.low + p.high) for line in drawn for p in line) else []
    caption += [] if "." in x else [f"The points of a line differ in {SCALE}."]
    unseen = sum(len(points) for _, points in lines) - sum(map(len, drawn))
    caption += [f"Not drawn, as not positive on a logarithmic axis: {unseen}."] if unseen else []
    return Chart(
        title=task_heading(task, defaults), x=METRIC_NAMES.get(x, x.replace("_", " ")),
        y=metric_heading(task, defaults),
        lines=tuple(Line(name, points) for name, points in zip(named, drawn, strict=True)),
        caption=" ".join(caption), highest=RANKED[task.metric].highest, labelled="." not in x,
    )  # fmt: skip


def _aside(x: str) -> str:
    """Where better is along x."""
    return f" and {'right' if RANKED[x].highest else 'left'}" if x in RANKED else ""


def _points(group: Sequence[BoardRow], x: str, others: Mapping[str, float], option: str) -> list[Point]:
    """A point for each value of the option, the mean over seeds, in increasing order."""
    by_value: dict[float, list[BoardRow]] = defaultdict(list)
    for record in group:
        if "." in x or record["cell"] in others:
            by_value[record[VARIED]].append(record)
    points = []
    for value, rows in sorted(by_value.items()):
        estimate = mean([r["value"] for r in rows], [r["error"] for r in rows], min(r["dof"] for r in rows))
        y, half = estimate.value, estimate.half_width
        at = value if "." in x else fmean(others[r["cell"]] for r in rows)
        points.append(Point(at, y, y - half, y + half, f"{option} {value:g}"))
    return points


def _names(rows: Sequence[BoardRow], defaults: Defaults) -> list[str]:
    """The sampler and the budget of each line; with schedule and grid where two would be equal."""
    names = [f"{label(row, 'sampler', defaults)}, {_budget_label(row)}" for row in rows]
    return [
        name
        if names.count(name) == 1
        else f"{name}, {label(row, 'schedule', defaults)}, {label(row, 'grid', defaults)}"
        for name, row in zip(names, rows, strict=True)
    ]


def _budget_label(row: BoardRow) -> str:
    return "adaptive" if row["nfe_requested"] is None else f"NFE {row['nfe_requested']}"


def tradeoffs(rows: pd.DataFrame, defaults: Defaults) -> dict[str, Chart]:
    """The trade-offs of one model's rows under guidance that can be drawn, by their names."""
    charts = {}
    for metric, x in TRADEOFFS:
        try:
            chart = tradeoff_charts(rows, x, metric, defaults)[0]
        except UsageError:
            continue  # the rows lack a metric, or have one scale
        charts[f"{METRIC_NAMES.get(metric, metric)} against {chart.x}"] = chart
    return charts
