"""Where models keep what they compute once, such as the embeddings of prompts: beside the results."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEEP = "BENCHBOX_KEEP"
"""The environment variable with the parent of those folders, which worker processes inherit."""


def kept_folder(name: str) -> Path:
    """The folder of that name beside the results of the run; outside of a run, in the current folder."""
    return Path(os.environ.get(KEEP, "")) / name


@contextmanager
def kept_beside(results: Path) -> Iterator[None]:
    """Inside the context, models keep things beside this results directory."""
    before = os.environ.get(KEEP)
    os.environ[KEEP] = str(results.absolute().parent)
    try:
        yield
    finally:
        os.environ.pop(KEEP) if before is None else os.environ.update({KEEP: before})
