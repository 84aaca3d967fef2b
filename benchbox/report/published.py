"""Published FIDs, shown beside a board or a chart and never ranked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import Any

import pandas as pd

from benchbox.report.board import Board, BoardTask
from benchbox.report.leaderboard import Declared, Sheet, SheetCell, sheets, undeclared
from benchbox.report.plots.chart import Chart, Line, Point, drawable
from benchbox.report.table import Defaults, number

NOTE = "as published: different networks, Inception features, mostly 50,000 samples, NFE as each paper counts it"


@cache
def published() -> pd.DataFrame:
    """The table: source, dataset, model, sampler, variant, nfe, fid."""
    text = (files("benchbox.report") / "published.csv").read_text(encoding="utf-8")
    return pd.read_csv(StringIO(text), keep_default_na=False)


def of_task(task: BoardTask) -> pd.DataFrame:
    """The published FIDs of a task's data set; empty for another metric than FID."""
    table = published()
    if task.metric != "fid":
        return table.iloc[:0]
    ours = _letters(task.dataset)
    return table[[ours in (_letters(name), _letters(name.split()[0])) for name in table["dataset"]]]


def published_figures(board: Board) -> pd.DataFrame:
    """The published FIDs of a board's data set at its budget."""
    table = of_task(board.task)
    return table.iloc[:0] if board.budget is None else table[table["nfe"] == board.budget]


def with_published(chart: Chart, task: BoardTask) -> Chart:
    """A chart of quality against NFE with published FIDs as separate points, not on the front.

    If the chart uses other features than Inception's, the points are hidden at first and labelled as such.
    """
    same = "inception" in task.features
    points = tuple(_point(f) for f in of_task(task).to_dict("records") if drawable(f["nfe"], f["fid"]))
    if not points:
        return chart
    name = "published (not measured here)" if same else f"published (not measured here; Inception, not {task.features})"
    scale = "" if same else "; not comparable with the values measured here"
    line = Line(name, points, "published", muted=not same, note=f"Hollow: {NOTE}{scale}.")
    return replace(chart, lines=(*chart.lines, line))


def _point(figure: Mapping[Any, Any]) -> Point:
    setup = f"{figure['sampler']} ({figure['variant']}) at NFE {figure['nfe']:g}, {figure['model']}"
    return Point(figure["nfe"], figure["fid"], label=f"{setup}; {figure['source']}")


def sheets_with_published(
    boards: Iterable[Board], defaults: Defaults, declared: Declared = undeclared
) -> Iterator[Sheet]:
    """The sheet of each board, followed by the published FIDs at its budget, in italics and unranked."""
    boards = list(boards)
    for board, own in zip(boards, sheets(boards, defaults, declared), strict=True):
        yield own
        figures = published_figures(board)
        if len(figures):
            yield _sheet(figures)


def _sheet(figures: pd.DataFrame) -> Sheet:
    texts = figures.assign(nfe=figures["nfe"].map(number), fid=[number(fid, 4) for fid in figures["fid"]])
    cells = texts[["sampler", "variant", "model", "nfe", "fid", "source"]].to_numpy()
    lines = tuple(tuple(SheetCell(str(text), "italic") for text in line) for line in cells)
    columns, numbers = ("sampler", "variant", "network", "NFE", "fid", "source"), {"NFE", "fid"}
    title = f"Published for {figures['dataset'].iloc[0]}, never ranked ({NOTE})"
    return Sheet(title, columns, frozenset(columns) - numbers, lines)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
