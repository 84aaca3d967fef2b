"""The files of pictures in a folder or zip."""

from __future__ import annotations

import mimetypes
import os
import zipfile
from pathlib import Path

from benchbox.errors import UsageError
from benchbox.files import reading

ENDINGS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".webp": "WEBP",
    ".ppm": "PPM", ".pgm": "PPM", ".gif": "GIF",
}  # fmt: skip
"""Suffix to format of the supported pictures."""


def in_folder(path: Path) -> list[Path]:
    """The pictures in a folder and its subfolders, sorted by path. Links are followed, each folder is visited once."""
    seen, files = set(), list[Path]()

    def stop(error: OSError) -> None:
        raise UsageError(f"the folder {error.filename} cannot be read: {error.strerror}.")

    for folder, folders, names in os.walk(path, onerror=stop, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        files += [Path(folder, name) for name in names if is_picture(name, path)]
    return sorted(files)


def in_zip(path: Path) -> list[zipfile.Path]:
    """The pictures in a zip, sorted by name."""
    with reading(path, "a zip of pictures"):
        archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
    return [zipfile.Path(archive, name) for name in sorted(names, key=Path) if is_picture(Path(name).name, path)]


def is_picture(name: str, where: Path) -> bool:
    """Whether a file name is that of a picture. UsageError for an unsupported picture format."""
    if name.startswith(".") or not name:
        return False
    if Path(name).suffix.lower() in ENDINGS:
        return True
    if (mimetypes.guess_type(name)[0] or "").startswith("image/"):
        raise UsageError(
            f"{where} has {name}, an unsupported picture format ({', '.join(sorted(ENDINGS))} are supported)."
        )
    return False
