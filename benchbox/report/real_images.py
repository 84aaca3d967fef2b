"""The value of real images: test images in place of samples, as many of them. A reference for a board, never ranked."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from importlib.resources import files
from io import StringIO

import pandas as pd

from benchbox.report.board import BoardTask
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
    value, x = of_real_images(task), [point.x for line in chart.lines for point in line.points]
    if math.isnan(value) or not x:
        return chart
    ends = tuple(Point(end, value) for end in (min(x), max(x)))
    return replace(chart, lines=(*chart.lines, Line(f"real test images: {number(value, 3)}", ends, "guide")))
