"""The values of an interrupted search, so that the same search goes on where it was stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from benchbox.atomic import write_bytes

SAVE_EVERY = 10.0
"""Seconds between writes."""


class Journal:
    """The errors of levels that were tried, by search. A search is deterministic: repeated, it tries the same levels.

    path: where they are kept (None: nowhere).
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path, self.saved, self.values = path, time.monotonic(), dict[str, dict[str, float]]()
        if path is not None:
            with suppress(OSError, ValueError):  # a damaged journal costs a repetition
                self.values = json.loads(path.read_text())

    def remembered(self, search: str, error: Callable[[Sequence[float]], float]) -> Callable[[Sequence[float]], float]:
        """The function, asked only for levels that the search of this name has not tried before."""
        known = self.values.setdefault(search, {})

        def remembering(sigmas: Sequence[float]) -> float:
            key = repr(tuple(sigmas))
            if key not in known:
                known[key] = error(sigmas)
                if time.monotonic() - self.saved > SAVE_EVERY:
                    self.save()
            return known[key]

        return remembering

    def save(self) -> None:
        if self.path is not None and any(self.values.values()):
            write_bytes(self.path, json.dumps(self.values).encode())
        self.saved = time.monotonic()

    def remove(self) -> None:
        """Delete the file: every search is complete."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
