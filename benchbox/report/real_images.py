"""The value of real images: test images in place of samples, as many of them. A reference for a board, never ranked."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from importlib.resources import files
from io import StringIO

import pandas as pd

from benchbox.report.board import BoardTask
from benchbox.report.headings import METRIC_NAMES
from benchbox.report.plots.chart import Chart, Line, Point
from benchbox.report.table import number


@cache
def measured_on_real_images() -> pd.DataFrame:
    """The table that `docs/real_images.py` measured: metric, features, reference, n_samples, value."""
    return pd.read_csv(StringIO((files("benchbox.report") / "real_images.csv").read_text(encoding="utf-8")))


def of_real_images(task: BoardTask) -> float:
    """The metric of a task for as many real images, with the same features and reference; nan if not measured."""
    table = measured_on_real_images()
    same = [table[name] == getattr(task, name) for name in ("metric", "features", "reference", "n_samples")]
    values = table["value"][same[0] & same[1] & same[2] & same[3]]
    return float(values.iloc[0]) if len(values) else math.nan


def with_real_images(chart: Chart, task: BoardTask) -> Chart:
    """A chart with the value of real images as a guide across it, where it is known."""
    value, points = of_real_images(task), [point for line in chart.lines for point in line.points]
    if math.isnan(value) or not points:
        return chart
    x = [point.x for point in points]
    better = any(point.y > value if chart.highest else point.y < value for point in points)
    guide = Line(
        f"real test images: {number(value, 3)}", (Point(min(x), value), Point(max(x), value)), "guide",
        note=_bias(task) if better else "",
    )  # fmt: skip
    return replace(chart, lines=(*chart.lines, guide))


def _bias(task: BoardTask) -> str:
    """Why samples can be on the better side of real images."""
    metric = METRIC_NAMES.get(task.metric, task.metric)
    return (
        f"Points beyond the line of real test images are not better than real images: at {task.n_samples:,} samples, "
        f"the bias of {metric} can be larger for real images than for samples."
    )
