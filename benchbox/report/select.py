"""Boards selected by metric, model and budget, and written in one of the formats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from benchbox.errors import unknown

if TYPE_CHECKING:
    from rich.console import Console

    from benchbox.report.board import Board
    from benchbox.report.leaderboard import Declared
    from benchbox.report.table import Defaults

Format = Literal["table", "markdown", "latex", "html", "csv", "json"]


def selected_boards(
    boards: Iterable[Board],
    metric: str | None,
    model: str | None,
    budgets: Sequence[int] = (),
    sampler: str | None = None,
) -> list[Board]:
    """The boards of a metric, a model, some budgets, and with a sampler; None or no budget: all.

    UsageError for one without boards.
    """
    selected = list(boards)
    if metric is not None:
        selected = _matching(selected, "metric", [metric], [board.task.metric for board in selected])
    if model is not None:
        selected = _matching(selected, "model", [model], [board.task.model for board in selected])
    if budgets:
        selected = _matching(selected, "budget", list(map(str, budgets)), [str(board.budget) for board in selected])
    if sampler is not None:
        names = {setup.sampler for board in selected for setup in board.setups}
        if sampler not in names:
            raise unknown("sampler among the rows", sampler, names)
        selected = [board for board in selected if sampler in {setup.sampler for setup in board.setups}]
    return selected


def boards_of_levels(boards: Sequence[Board], schedule: str | None, grid: str | None) -> list[Board]:
    """The boards of a schedule and a grid; `recommended`: each sampler's own; None: all. UsageError for one without."""
    selected = list(boards)
    for kind, name in (("schedule", schedule), ("grid", grid)):
        if name is not None:
            selected = _matching(selected, kind, [name], [levels_name(board, kind) for board in selected])
    return selected


def levels_name(board: Board, kind: str) -> str:
    """The schedule or the grid of a board; `recommended` if each sampler has its own."""
    return str(getattr(board.setups[0], kind)) if board.levels == "same" else board.levels


def _matching(boards: Sequence[Board], kind: str, names: Sequence[str], board_names: Sequence[str]) -> list[Board]:
    """The boards whose name is among `names`. board_names: one per board. UsageError if there are none."""
    matching = [board for board, name in zip(boards, board_names, strict=True) if name in names]
    if not matching:
        raise unknown(f"{kind} among the rows", names[0], set(board_names) - {"None"})
    return matching


def write_boards(
    boards: Sequence[Board],
    defaults: Defaults,
    format_: Format,
    target: Console,
    published: bool,
    top: int | None,
    declared: Declared,
) -> None:
    """Write boards in a format. published: with published FIDs; top: only the first lines of each board."""
    from benchbox.report import data, formats
    from benchbox.report.leaderboard import first, sheets
    from benchbox.report.published import sheets_with_published

    if format_ in ("csv", "json"):
        target.file.write(data.boards_csv(boards) if format_ == "csv" else data.to_json(boards))
        return
    make = sheets_with_published if published else sheets
    shown = [first(sheet, top) for sheet in make(boards, defaults, declared)]
    if format_ != "table":
        target.file.write({"markdown": formats.markdown, "latex": formats.latex, "html": formats.html}[format_](shown))
    elif shown:
        target.print(*formats.rich_tables(shown), sep="\n")
    else:
        target.print("no row has a value of a ranked metric (fid, w2, sw2 …).")
