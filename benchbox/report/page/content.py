"""The content of the page as plain values: answers, charts, tables. Nothing is escaped for HTML yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchbox.report.board import Board, BoardTask
from benchbox.report.command import run_command
from benchbox.report.entry import BoardRow, Setup, Unranked
from benchbox.report.escape import plain_text
from benchbox.report.headings import (
    board_terms,
    board_title,
    metric_heading,
    part_name,
    series_headings,
    setup_names,
)  # fmt: skip
from benchbox.report.leaderboard import rank
from benchbox.report.page.answers import PageAnswer, answered_boards, page_answer
from benchbox.report.page.matrix import MatrixRow, matrix
from benchbox.report.page.names import Names, finite_or_none, slug
from benchbox.report.plots.cost import CostName
from benchbox.report.plots.quality import offered_charts, series
from benchbox.report.published import with_published
from benchbox.report.table import Defaults


@dataclass(frozen=True)
class View:
    """A section of the page: boards that differ only in the budget."""

    id: str
    title: str
    heading: str
    """The first part of the title: model, metric, number of samples; the levels first where several views share it."""
    terms: str
    """The rest of the title: reference and levels."""
    task: BoardTask
    measure: str
    answers: tuple[PageAnswer, ...]
    charts: dict[CostName, dict[str, Any]]
    columns: tuple[str, ...]
    """The budgets of the matrix."""
    matrix: tuple[MatrixRow, ...]
    lines: tuple[dict[str, Any], ...]
    """The lines of the table: entries, then setups without a rank."""


def views(boards: Iterable[Board], defaults: Defaults, shared: Defaults | None = None) -> list[View]:
    """A view for each series of boards, those with the most lines first.

    Commands omit the options that have the values in `defaults`; names omit those in `shared`.
    """
    groups, shared = series(boards), shared or defaults
    headings = map(plain_text, series_headings([group[0] for group in groups], shared))
    made = [_view(group, heading, defaults, shared) for group, heading in zip(groups, headings, strict=True)]
    return sorted(made, key=lambda v: -len(v.lines))


def _view(boards: Sequence[Board], heading: str, defaults: Defaults, shared: Defaults) -> View:
    title, task = plain_text(board_title(boards[0], shared, budgets=False)), boards[0].task
    names = {s: plain_text(n) for s, n in setup_names([s for b in boards for s in b.setups], shared).items()}
    charts = offered_charts(boards, shared)
    if "nfe" in charts:
        charts["nfe"] = with_published(charts["nfe"], task)
    return View(
        id=slug(f"{title} {task.reference}"), title=title, task=task, measure=plain_text(metric_heading(task, shared)),
        heading=heading, terms=plain_text(board_terms(boards[0], shared)),
        answers=tuple(page_answer(b, names, defaults) for b in answered_boards(boards) if b.entries),
        charts={cost: chart.as_dict() for cost, chart in charts.items()},
        columns=tuple("adaptive" if b.budget is None else f"{b.budget:,}" for b in boards),
        matrix=matrix(boards, names), lines=tuple(line for b in boards for line in lines(b, names, defaults)),
    )  # fmt: skip


def lines(board: Board, names: Names, defaults: Defaults) -> Iterable[dict[str, Any]]:
    """The lines of a board in the table: entries, then one line for each unranked setup and reason."""
    for e in board.entries:
        yield _content_line(board, e.setup, e.seeds, names, defaults, e.row) | {
            "rank": rank(e), "place": e.rank_low, "nfe": finite_or_none(e.nfe), "value": e.value,
            "low": finite_or_none(e.low), "high": finite_or_none(e.high), "seconds": finite_or_none(e.cost.seconds),
            "memory": finite_or_none(e.cost.memory_mb),
            "device": plain_text(e.cost.device),
        }  # fmt: skip
    unranked: dict[tuple[Setup, str], list[Unranked]] = defaultdict(list)
    for u in board.unranked:
        unranked[u.setup, plain_text(f"{u.status}: {u.reason}" if u.reason else u.status)].append(u)
    for (setup, status), cells in unranked.items():
        seeds = sorted({u.seed for u in cells})
        yield _content_line(board, setup, seeds, names, defaults, cells[0].row) | {
            "nfe": finite_or_none(cells[0].nfe),
            "status": status,
        }


def _content_line(
    board: Board, setup: Setup, seeds: Sequence[int], names: Names, defaults: Defaults, row: BoardRow
) -> dict[str, Any]:
    """The columns of every line; those of ranked lines are None."""
    line: dict[str, Any] = dict.fromkeys(("place", "value", "low", "high", "seconds", "memory"))
    return line | {
        "budget": board.budget, "rank": "–", "name": names[setup], "sampler": setup.sampler, "device": "",
        "page": slug(setup.sampler), "seeds": ", ".join(map(str, seeds)), "status": "",
        "schedule": plain_text(part_name(setup, "schedule", defaults)),
        "grid": plain_text(part_name(setup, "grid", defaults)),
        "package": plain_text(f"{setup.sampler_package} {setup.sampler_version}"),
        "command": plain_text(run_command(board, setup, seeds, defaults, row)),
    }  # fmt: skip
