"""FIDs that others published, laid beside a board and never ranked with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from io import StringIO

import pandas as pd

from benchbox.report.board import Board
from benchbox.report.leaderboard import Cell, Sheet, sheet
from benchbox.report.table import Usual, number

NOTE = "as published: other networks, Inception features, mostly 50,000 samples, and each paper's own way to count NFE"


@cache
def published() -> pd.DataFrame:
    """The table: source, dataset, model, sampler, variant, nfe, fid."""
    text = (files("benchbox.report") / "published.csv").read_text(encoding="utf-8")
    return pd.read_csv(StringIO(text), keep_default_na=False)


def beside(board: Board) -> pd.DataFrame:
    """What was published of a board's data set at its budget, by source; nothing where the metric is not FID."""
    table = published()
    if board.task.metric != "fid" or board.budget is None:
        return table.iloc[:0]
    ours = _letters(board.task.dataset)
    same = [ours in (_letters(name), _letters(name.split()[0])) for name in table["dataset"]]
    return table[pd.Series(same) & (table["nfe"] == board.budget)]


def sheets(boards: Iterable[Board], usual: Usual) -> Iterator[Sheet]:
    """The sheet of each board, and after it what was published, in italics and without a rank."""
    for board in boards:
        yield sheet(board, usual)
        figures = beside(board)
        if len(figures):
            yield _sheet(figures)


def _sheet(figures: pd.DataFrame) -> Sheet:
    texts = figures.assign(nfe=figures["nfe"].map(number), fid=[number(fid, 4) for fid in figures["fid"]])
    shown = texts[["sampler", "variant", "model", "nfe", "fid", "source"]].to_numpy()
    lines = tuple(tuple(Cell(str(text), "italic") for text in line) for line in shown)
    columns, numbers = ("sampler", "variant", "network", "NFE", "fid", "source"), {"NFE", "fid"}
    title = f"Published for {figures['dataset'].iloc[0]}, never ranked ({NOTE})"
    return Sheet(title, columns, frozenset(columns) - numbers, lines)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
