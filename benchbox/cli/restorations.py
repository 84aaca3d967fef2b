"""The picture of benchbox plot --kind restoration: truths, measurements, and what each method makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchbox.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.bench.cell import Cell
    from benchbox.measurement import Measurements
    from benchbox.report.plots.gallery import Lines, Panel

WHITE_STD = 0.5
"""The standard deviation that is drawn white, in widths of the range: the largest possible one."""


def restorations(
    samplers: Sequence[str], nfe: str, set_: list[str], request: dict[str, Any]
) -> tuple[Lines, tuple[float, float], str]:
    """A line of panels for each measurement, the data range, and the problem in words.

    Panels: the truth, the measurement; and for each method samples, their mean and their standard deviation.
    UsageError where the samples are no images, or there is more than one problem.
    """
    from benchbox.bench.request import Request
    from benchbox.bench.settings import parse_settings
    from benchbox.bench.sweep import expand
    from benchbox.commas import integers

    settings = parse_settings(set_)
    cells = expand(Request(samplers, integers(nfe, "--nfe", 1), metrics=[], settings=settings, **request))
    measured = measurements_of(cells)
    assert measured.data_range is not None
    lines = [
        [image_panel("truth", x), image_panel("measurement", y)]
        for x, y in zip(measured.truths, measured.y, strict=True)
    ]
    for cell in cells:
        for line, panels in zip(lines, method_panels(cell, len(lines), measured.data_range[0]), strict=True):
            line += panels
    return [(f"{j + 1}", line) for j, line in enumerate(lines)], measured.data_range, problem_name(cells[0])


def measurements_of(cells: Sequence[Cell]) -> Measurements:
    """Of the one problem of the cells. UsageError where there is none or several, or a cell cannot be run."""
    if len({(cell.problem, cell.model) for cell in cells}) != 1 or (measured := cells[0].measured) is None:
        raise UsageError(
            "a picture of restorations is of one inverse problem on one model: give one, such as --problem inpaint."
        )
    if measured.data_range is None or measured.truths.ndim != 4:
        raise UsageError(f"restorations are drawn as images, and model {cells[0].model.title} makes none.")
    for cell in cells:
        if cell.skip:
            raise UsageError(f"{restoration_name(cell)} cannot be run: {cell.skip}.")
    return measured


def image_panel(caption: str, x: Tensor) -> Panel:
    """A panel of one image (channels, h, w); empty for a measurement that is none."""
    from benchbox.report.plots.gallery import Panel

    return Panel(caption, x[None].cpu().numpy() if x.ndim == 3 else None)


def method_panels(cell: Cell, m: int, black: float) -> list[list[Panel]]:
    """Samples, mean and standard deviation of each of m measurements."""
    from benchbox.bench.run import make_samples
    from benchbox.report.plots.gallery import Panel

    name, x, lines = restoration_name(cell), make_samples(cell).cpu(), []
    for j in range(m):
        own = x[j::m]
        std = black + own.std(0, correction=min(1, len(own) - 1)) / WHITE_STD
        panels = [
            Panel(name, own.numpy()),
            image_panel("mean", own.mean(0)),
            image_panel("standard deviation", std),
        ]
        lines.append(panels)
    return lines


def restoration_name(cell: Cell) -> str:
    """The guidance that uses the measurement, or else the sampler; its options, and the budget."""
    from benchbox.options import describe
    from benchbox.registry import registry
    from benchbox.report.table import changed_options

    kind, method = ("sampler", cell.sampler) if cell.guidance is None else ("guidance", cell.guidance)
    options = changed_options(describe(method), kind, method.name, registry().defaults)
    return f"{method.name} {options}".strip() + f", NFE {cell.nfe_planned or 'adaptive'}"


def problem_name(cell: Cell) -> str:
    from benchbox.options import describe
    from benchbox.registry import registry
    from benchbox.report.table import label
    from benchbox.store.paths import dumps

    assert cell.problem is not None
    row = {"problem": cell.problem.name, "problem_options": dumps(describe(cell.problem))}
    return label(row, "problem", registry().defaults)
