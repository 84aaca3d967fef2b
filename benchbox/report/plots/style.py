"""The style of plots: colour-blind safe colours, with markers and dashes for greyscale print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.atomic import output
from benchbox.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195")
"""Okabe and Ito (2008), without yellow (invisible on white) and black (reserved for whole runs)."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))
"""The numbers of colours, markers and dashes are coprime: the first 252 lines all look different."""

MATPLOTLIB_SETTINGS: Any = {
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#555555", "axes.labelcolor": "#222222",
    "axes.titlelocation": "left", "axes.titlesize": 12, "axes.titleweight": "bold", "font.size": 10,
    "grid.color": "#e4e4e4", "grid.linewidth": 0.6, "legend.frameon": False, "legend.fontsize": 9,
    "svg.hashsalt": "benchbox", "text.parse_math": False, "xtick.color": "#555555", "ytick.color": "#555555",
}  # fmt: skip
"""Settings of matplotlib. Names are not parsed as formulas, and an SVG is reproducible."""

DPI = 160
"""Resolution of a PNG, and of text measurements."""

FORMATS = (".svg", ".png", ".pdf")


def look(i: int) -> dict[str, Any]:
    """The colour, marker and dash of line i."""
    return {
        "color": COLOURS[i % len(COLOURS)],
        "marker": MARKERS[i % len(MARKERS)],
        "linestyle": DASHES[i % len(DASHES)],
    }


@contextmanager
def styled() -> Iterator[None]:
    """Apply the settings inside the block."""
    import matplotlib

    with matplotlib.rc_context(MATPLOTLIB_SETTINGS):
        yield


def save_figure(figure: Figure, path: Path, title: str, description: str = "") -> None:
    """Write a figure reproducibly. UsageError for an unknown file type, or a file that cannot be written."""
    if path.suffix not in FORMATS:
        raise UsageError(f"a plot cannot be written as {path.name}: its name must end in {', '.join(FORMATS)}.")
    with output(path) as file:
        figure.savefig(file, format=path.suffix[1:], dpi=DPI, metadata=_metadata(path.suffix, title, description))


def _metadata(suffix: str, title: str, description: str) -> dict[str, Any]:
    """Title and description, and no date."""
    if suffix == ".pdf":
        return {"Title": title, "Subject": description, "Creator": "benchbox", "CreationDate": None}
    texts = {"Title": title, "Description": description}
    return texts | ({"Creator": "benchbox", "Date": None} if suffix == ".svg" else {"Software": "benchbox"})
