"""Pictures of samples: a line of panels per sampler; a panel shows images as a mosaic, or points in a plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.report.plots.style import COLOURS, save_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Panel:
    """Samples, (n, channels, height, width) or (n, dimensions), with a caption. None: a skipped cell."""

    caption: str
    samples: NDArray[Any] | None


Lines = Sequence[tuple[str, Sequence[Panel]]]
"""The name and the panels of each line."""


def draw_gallery(
    lines: Lines,
    path: Path,
    title: str = "",
    data_range: tuple[float, float] = (-1.0, 1.0),
) -> None:
    """Write the panels of each named line into an SVG, PNG or PDF. Repeated captions in a column are omitted.

    UsageError if the file cannot be written, or the samples cannot be drawn.
    """
    widest = max(len(panels) for _, panels in lines)
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(1.9 * widest + 0.5, 2.1 * len(lines) + 0.4), layout="constrained")
        for i, axes in enumerate(figure.subplots(len(lines), widest, squeeze=False)):
            name, panels = lines[i]
            axes[0].set_ylabel(name, fontsize=10)
            for j, axis in enumerate(axes):
                axis.set(xticks=[], yticks=[])
                if j < len(panels):
                    show(axis, panels[j].samples, data_range)
                    if not (i and _same_above(lines, i, j)):
                        axis.set_title(panels[j].caption, fontsize=9, fontweight="normal", loc="center")
                else:
                    axis.spines[:].set_visible(False)
        share_planes(figure)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        save_figure(figure, path, title or "Samples", gallery_description(lines))


def gallery_description(lines: Lines) -> str:
    text = "; ".join(f"{name}: {', '.join(panel.caption for panel in panels)}" for name, panels in lines)
    return f"Line by line: {text}."


def _same_above(lines: Lines, i: int, j: int) -> bool:
    above = lines[i - 1][1]
    return j < len(above) and above[j].caption == lines[i][1][j].caption


def show(axis: Axes, samples: NDArray[Any] | None, data_range: tuple[float, float]) -> None:
    """Samples on axes: images as a mosaic, vectors by their first two coordinates. UsageError for anything else."""
    if samples is None:
        axis.text(0.5, 0.5, "–", ha="center", va="center", transform=axis.transAxes)
    elif samples.ndim == 4:
        low, high = data_range
        axis.imshow(mosaic((samples - low) / (high - low)).clip(0, 1), cmap="gray", vmin=0, vmax=1)
        axis.spines[:].set_visible(False)
    elif samples.ndim == 2:
        second = samples[:, 1] if samples.shape[1] > 1 else np.zeros(len(samples))
        axis.scatter(samples[:, 0], second, s=6, color=COLOURS[0], alpha=0.6, linewidths=0)
    else:
        raise UsageError(f"samples of shape {samples.shape[1:]} cannot be drawn: they are neither images nor vectors.")


def mosaic(images: NDArray[Any]) -> NDArray[Any]:
    """n images, (n, channels, height, width), as one image, row by row: (rows·height, columns·width[, 3]).

    Three channels are shown as RGB; otherwise only the first channel is shown.
    """
    n, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    n_shown = 3 if channels == 3 else 1
    tiles = np.ones((rows * columns, n_shown, height, width), images.dtype)
    tiles[:n] = images[:, :n_shown]
    tiles = tiles.reshape(rows, columns, n_shown, height, width).transpose(0, 3, 1, 4, 2)
    image = tiles.reshape(rows * height, columns * width, n_shown)
    return image if n_shown == 3 else image[:, :, 0]


def share_planes(figure: Figure) -> None:
    """Give all panels of points the same limits."""
    planes = [axis for axis in figure.axes if axis.collections]
    for which in ("xlim", "ylim"):
        limits = [getattr(axis, f"get_{which}")() for axis in planes]
        for axis in planes:
            axis.set(**{which: (min(a for a, _ in limits), max(b for _, b in limits))})
