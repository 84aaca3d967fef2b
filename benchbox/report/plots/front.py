"""Labels at the corners of the non-dominated front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchbox.report.plots.chart import Chart, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def name_front(axes: Axes, chart: Chart) -> None:
    """Label the corners of the front on the better side, away from the points; labels without room are left out."""
    names = {id(p): line.name for line in chart.lines for p in line.points}
    taken: list[Any] = []
    for p in chart.staircase:
        for align in ("right", "left"):
            text = _corner_label(axes, f"{names[id(p)]}\n{p.label}", p, chart.highest, align)
            box = text.get_window_extent().padded(3)
            if _has_room(axes, chart, p, box) and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def _has_room(axes: Axes, chart: Chart, corner: Point, box: Any) -> bool:
    """Whether a label is inside the axes, and on the better side of all other corners."""
    frame = axes.get_window_extent()
    inside = box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1
    others = [axes.transData.transform((p.x, p.y)) for p in chart.staircase if p is not corner]
    return inside and all(y < box.y0 if chart.highest else y > box.y1 for x, y in others if box.x0 < x < box.x1)


def _corner_label(axes: Axes, name: str, corner: Point, highest: bool, align: str) -> Any:
    """A label left of a corner of the front (align: `right`), or right of it and further away."""
    from matplotlib.patheffects import withStroke

    beside, away = (-6, 5) if align == "right" else (6, 16)
    return axes.annotate(
        name, (corner.x, corner.y), (beside, away if highest else -away), textcoords="offset points",
        ha=align, va="bottom" if highest else "top", fontsize=7.5, color="#222222", zorder=6,
        path_effects=[withStroke(linewidth=2.5, foreground="white", alpha=0.8)],
    )  # fmt: skip
