"""The hash of a model's weights."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path

from benchbox.card import sha256
from benchbox.model import Model

CODE = frozenset({".py", ".pyc", ".pyi"})


def weights_sha256(model: Model) -> str | None:
    """The hash that the model states, else that of the data files in its package; None where there are none."""
    return model.sha256 or package_data_sha256(type(model).__module__.partition(".")[0])


@cache
def package_data_sha256(package: str) -> str | None:
    """A hash of all files of an imported package that are not code; None for benchbox, whose models state theirs."""
    folders = [] if package == "benchbox" else [Path(p) for p in getattr(sys.modules.get(package), "__path__", [])]
    files = sorted(f for folder in folders for f in folder.rglob("*") if f.is_file() and f.suffix not in CODE)
    text = "\n".join(sha256(f) for f in files)
    return hashlib.sha256(text.encode()).hexdigest() if files else None
