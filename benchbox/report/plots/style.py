"""How plots look: colours that the colour-blind tell apart, with a marker and a dash of their own for print in grey."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.errors import UsageError
from benchbox.store.atomic import output

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195")
"""Okabe and Ito (2008) without yellow, which is lost on white, and without black, which stands for whole runs."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))
"""With the colours and the markers, of coprime numbers, no two of the first 252 lines look the same."""

MATPLOTLIB_SETTINGS: Any = {
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#555555", "axes.labelcolor": "#222222",
    "axes.titlelocation": "left", "axes.titlesize": 12, "axes.titleweight": "bold", "font.size": 10,
    "grid.color": "#e4e4e4", "grid.linewidth": 0.6, "legend.frameon": False, "legend.fontsize": 9,
    "svg.hashsalt": "benchbox", "text.parse_math": False, "xtick.color": "#555555", "ytick.color": "#555555",
}  # fmt: skip
"""Of matplotlib; names are never read as formulas, and an SVG comes out the same every time."""

DPI = 160
"""Of a PNG; texts are measured at it, too."""

FORMATS = (".svg", ".png", ".pdf")


def look(i: int) -> dict[str, Any]:
    """Colour, marker and dash of the i-th line."""
    return {
        "color": COLOURS[i % len(COLOURS)],
        "marker": MARKERS[i % len(MARKERS)],
        "linestyle": DASHES[i % len(DASHES)],
    }


@contextmanager
def styled() -> Iterator[None]:
    """The settings, for the drawing inside. UsageError where matplotlib is missing."""
    try:
        import matplotlib.figure
    except ImportError:
        raise UsageError("a plot needs matplotlib: install benchbox-diffusion[plot].") from None
    with matplotlib.rc_context(MATPLOTLIB_SETTINGS):
        yield


def save_figure(figure: Figure, path: Path, title: str, description: str = "") -> None:
    """Write a figure, the same bytes for the same content. UsageError for another kind of file, or no room for one."""
    if path.suffix not in FORMATS:
        raise UsageError(f"a plot cannot be written as {path.name}: its name must end in {', '.join(FORMATS)}.")
    with output(path) as file:
        figure.savefig(file, format=path.suffix[1:], dpi=DPI, metadata=_metadata(path.suffix, title, description))


def _metadata(suffix: str, title: str, description: str) -> dict[str, Any]:
    """Title and description, and no date."""
    if suffix == ".pdf":
        return {"Title": title, "Subject": description, "Creator": "benchbox", "CreationDate": None}
    told = {"Title": title, "Description": description}
    return told | ({"Creator": "benchbox", "Date": None} if suffix == ".svg" else {"Software": "benchbox"})
