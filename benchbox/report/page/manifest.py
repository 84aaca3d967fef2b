"""Which files of a folder the site wrote: those are replaced and removed by the next one, never another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from benchbox.store.atomic import write_bytes

MANIFEST_FILE, ROWS_FILE = "data/site.json", "data/rows.parquet"

Manifest = Mapping[str, str]
"""The SHA-256 of every file, by its path in the folder."""


def of(files: Mapping[str, bytes]) -> Manifest:
    """The manifest of files with these contents."""
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


def read_manifest(folder: Path) -> Manifest:
    """What the last site in a folder wrote; nothing where no manifest can be read."""
    try:
        found = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))["files"]
        return {path: digest for path, digest in found.items() if isinstance(digest, str)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    text = json.dumps({"files": dict(sorted(manifest.items()))}, indent=0)
    write_bytes(folder / MANIFEST_FILE, text.encode())


def owned(folder: Path, path: str, manifest: Manifest) -> bool:
    """Whether a file in the folder is as the site wrote it. Links and what lies outside of the folder are not."""
    file = folder / path
    if path not in manifest or file.resolve() != folder.resolve() / path or not file.is_file():
        return False
    return hashlib.sha256(file.read_bytes()).hexdigest() == manifest[path]


def gone(old: Manifest, new: Manifest) -> list[str]:
    """The files that an older site wrote and a newer one does not."""
    return sorted(old.keys() - new.keys())


def remove(folder: Path, old: Manifest, new: Manifest) -> None:
    """Remove what the older site wrote and the newer one does not, where nobody has changed it since."""
    for path in gone(old, new):
        if owned(folder, path, old):
            (folder / path).unlink()
