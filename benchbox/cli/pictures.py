"""The galleries of benchbox plot: samples and trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from benchbox.errors import UsageError

if TYPE_CHECKING:
    from benchbox.bench.cell import Cell
    from benchbox.report.plots.gallery import Lines, Panel

PictureKind = Literal["samples", "trajectory"]

LEVELS_SHOWN = 10
"""The most evaluations of a trajectory that are drawn, evenly spaced."""


def pictures(
    kind: PictureKind, names: Sequence[str], nfe: str, set_: list[str], request: dict[str, Any]
) -> tuple[Lines, tuple[float, float]]:
    """A line of panels for each sampler (samples) or each run (trajectory), and the data range."""
    from benchbox.bench.request import Request
    from benchbox.bench.settings import parse_settings
    from benchbox.bench.sweep import expand
    from benchbox.commas import integers

    budgets, settings = integers(nfe, "--nfe", 1), parse_settings(set_)
    cells = expand(Request(samplers=list(names), nfe=budgets, metrics=[], settings=settings, **request))
    lines: dict[str, list[Panel]] = {}
    for cell in cells:
        panels = [_samples(cell)] if kind == "samples" else _trajectory(cell)
        lines.setdefault(_name(cell, kind), []).extend(panels)
    return list(lines.items()), cells[0].model.data_range or (-1.0, 1.0)


def _name(cell: Cell, kind: PictureKind) -> str:
    from benchbox.options import describe
    from benchbox.registry import registry
    from benchbox.report.table import changed_options

    options = changed_options(describe(cell.sampler), "sampler", cell.sampler.name, registry().defaults)
    nfe = "" if kind == "samples" or cell.nfe_requested is None else f", NFE {cell.nfe_planned}"
    return f"{cell.sampler.name} {options}".strip() + nfe


def _samples(cell: Cell) -> Panel:
    from benchbox.bench.run import make_samples
    from benchbox.report.plots.gallery import Panel

    caption = "adaptive" if cell.nfe_requested is None else f"NFE {cell.nfe_requested}"
    return Panel(caption, None if cell.skip else make_samples(cell).numpy())


def _trajectory(cell: Cell) -> list[Panel]:
    from benchbox.bench.trace import trace
    from benchbox.report.plots.gallery import Panel

    if cell.skip:
        raise UsageError(f"{cell.sampler.name} cannot be run: {cell.skip}.")
    calls = trace(cell)
    n_shown = min(len(calls), LEVELS_SHOWN)
    indices = sorted({round(i * (len(calls) - 1) / max(n_shown - 1, 1)) for i in range(n_shown)})
    return [Panel(f"σ = {calls[i][0]:.3g}", calls[i][1].numpy()) for i in indices]
