"""A plot as a file: an image by matplotlib, or a self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchbox.atomic import output
from benchbox.errors import UsageError
from benchbox.report.page.pages import environment
from benchbox.report.plots.chart import Chart
from benchbox.report.plots.draw import draw
from benchbox.report.plots.gallery import Lines, draw_gallery, gallery_description
from benchbox.report.plots.style import FORMATS


def write_charts(charts: Mapping[str, Chart], path: Path) -> None:
    """Write charts, by cost (nfe, …), to an SVG, PNG, PDF or HTML file. UsageError as in `draw`."""
    _check_kind(path)
    if path.suffix != ".html":
        draw(list(charts.values()), path)
        return
    title = next(iter(charts.values())).title
    _page(path, title, scripts=["vendor/d3.min.js", "benchbox.js"], charts={k: c.as_dict() for k, c in charts.items()})


def write_gallery(lines: Lines, path: Path, title: str, data_range: tuple[float, float]) -> None:
    """Write a gallery to an SVG, PNG, PDF or HTML file. UsageError as in `draw_gallery`."""
    _check_kind(path)
    if path.suffix != ".html":
        draw_gallery(lines, path, title, data_range)
        return
    with tempfile.TemporaryDirectory() as folder:
        draw_gallery(lines, Path(folder) / "gallery.png", "", data_range)
        picture = base64.b64encode((Path(folder) / "gallery.png").read_bytes()).decode()
    _page(path, title, picture=f"data:image/png;base64,{picture}", description=gallery_description(lines))


def _check_kind(path: Path) -> None:
    if path.suffix not in (*FORMATS, ".html"):
        raise UsageError(
            f"a plot cannot be written as {path.name}: its name must end in {', '.join(FORMATS)} or .html."
        )


def _page(path: Path, title: str, scripts: Sequence[str] = (), **content: Any) -> None:
    assets = files(__package__) / "assets"
    sources = [(assets / name).read_text(encoding="utf-8") for name in scripts]
    text = environment().get_template("single.html").render(
        title=title, scripts=sources, style=(assets / "benchbox.css").read_text(encoding="utf-8"), hashes=hashes,
        picture=content.pop("picture", None), **content,
    )  # fmt: skip
    with output(path) as file:
        file.write(text.encode())


def hashes(texts: Sequence[str]) -> str:
    """The sources of a content security policy that allows only these texts."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{s}'" for s in digests) or "'none'"
