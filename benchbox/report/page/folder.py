"""The folder of the site: its pages, the rows, and the assets."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

import pandas as pd

from benchbox.atomic import write_bytes
from benchbox.errors import UsageError
from benchbox.files import why
from benchbox.report.page import manifest
from benchbox.report.page.pages import pages
from benchbox.report.page.site import Site
from benchbox.report.rows import read_rows, write_rows


def write_site(site: Site, folder: Path, more: Mapping[str, bytes] | None = None) -> None:
    """Write the site, and more files, into a folder that may contain an older site.

    Files that only the older site wrote are removed; files of others are kept. UsageError if the folder cannot be
    written, has another site's index.html, or contains rows that would be lost.
    """
    refuse_other_site(folder, f"choose another folder, such as {folder / 'board'}")
    refuse_loss(site.rows, folder)
    pictures = {picture.path: picture.content for picture in site.pictures}
    files = {**assets(), **pictures, **(more or {})}
    files |= {name: text.encode() for name, text in pages(site, documentation_beside(folder))}
    old, new = manifest.read_manifest(folder), manifest.of(files)
    try:
        for sub in sorted({(folder / name).parent for name in (*files, manifest.ROWS_FILE)}):
            sub.mkdir(parents=True, exist_ok=True)
        manifest.write_manifest(folder, {**old, **new})  # first, so that an interruption leaves no unlisted file
        write_rows(site.rows, folder / manifest.ROWS_FILE)
        for name, content in files.items():
            write_bytes(folder / name, content)
        manifest.remove(folder, old, new)
        manifest.write_manifest(folder, new)
    except OSError as error:
        raise UsageError(f"{error.filename or folder} cannot be written: {error.strerror}.") from None


def documentation_beside(folder: Path) -> str:
    """The first page of the documentation of benchbox, if a folder is inside its site (docs/site.py); "" if not."""
    inside = all((folder.resolve().parent / page).is_file() for page in ("index.html", "docs/leaderboards.html"))
    return "../index.html" if inside else ""


def refuse_other_site(folder: Path, advice: str) -> None:
    """UsageError if a folder has an index.html and no manifest: benchbox did not write it."""
    if (folder / "index.html").exists() and not (folder / manifest.MANIFEST_FILE).exists():
        raise UsageError(f"the index.html of another site would be overwritten: {advice}.")


def refuse_loss(rows: pd.DataFrame, folder: Path) -> None:
    """UsageError if a folder has rows of cells that are not among these, or rows that cannot be read."""
    path = folder / manifest.ROWS_FILE
    if not path.is_file():
        return
    try:
        published = set(read_rows(path)["cell"])
    except Exception as error:
        raise UsageError(f"{path} cannot be read and would be overwritten: {why(error)}.") from None
    lost = published - set(rows["cell"])
    if lost:
        raise UsageError(
            f"{folder} has {len(lost):,} rows that are not among these: benchbox publish --output {folder} merges both."
        )


def assets() -> dict[str, bytes]:
    """Styles and scripts, by path in the site."""
    with as_file(files(__package__) / "assets") as source:
        paths = [path for path in sorted(source.rglob("*")) if path.is_file()]
        return {f"assets/{path.relative_to(source).as_posix()}": path.read_bytes() for path in paths}
