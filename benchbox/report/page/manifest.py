"""The manifest: the files that a site wrote. The next site replaces and removes only these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from benchbox.atomic import write_bytes

MANIFEST_FILE, ROWS_FILE = "data/site.json", "data/rows.parquet"

Manifest = Mapping[str, str]
"""SHA-256 checksums, by path in the folder."""


def of(files: Mapping[str, bytes]) -> Manifest:
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the last site in a folder; {} if it cannot be read."""
    try:
        checksums = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))["files"]
        return {path: digest for path, digest in checksums.items() if isinstance(digest, str)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    text = json.dumps({"files": dict(sorted(manifest.items()))}, indent=0)
    write_bytes(folder / MANIFEST_FILE, text.encode())


def owned(folder: Path, path: str, manifest: Manifest) -> bool:
    """Whether a file in the folder is unchanged since the site wrote it. Links and outside paths do not count."""
    file = folder / path
    if path not in manifest or file.resolve() != folder.resolve() / path or not file.is_file():
        return False
    return hashlib.sha256(file.read_bytes()).hexdigest() == manifest[path]


def gone(old: Manifest, new: Manifest) -> list[str]:
    """The files that only the older site wrote."""
    return sorted(old.keys() - new.keys())


def remove(folder: Path, old: Manifest, new: Manifest) -> None:
    """Remove the files that only the older site wrote, unless they have changed since."""
    for path in gone(old, new):
        if owned(folder, path, old):
            (folder / path).unlink()
