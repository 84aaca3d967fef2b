"""One cell's row in files of many: a table of them all, read once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchbox.store.paths import COMPACTED
from benchbox.store.reading import ReadRows
from benchbox.store.tables import Note, joined_tables

TRIES = 5
"""Times that a directory is looked through anew where files go away meanwhile: those of others who compact it."""

SETTLED = 1e9
"""Nanoseconds after which a change to a directory is known to have changed its time, too."""

Stamps = dict[Path, tuple[int, int]]


class Compacted:
    """The latest row of each cell in the compacted files of a directory, read anew where a file is new, gone or other.

    read: gives the rows of a file, None where they cannot be read; FileNotFoundError. note: is told what is left out.
    """

    def __init__(self, directory: Path, read: Callable[[Path], ReadRows | None], note: Note) -> None:
        self.directory, self.read, self.note = directory, read, note
        self._changed: int | None = None
        self._stamps: Stamps = {}
        self._table, self._places = joined_tables({}, note), dict[str, int]()

    def get(self, cell: str) -> dict[str, Any] | None:
        """The row of a cell, None where no file has one."""
        self._refresh()
        place = self._places.get(cell)
        rows: list[dict[str, Any]] = [] if place is None else self._table.slice(place, 1).to_pylist()
        return rows[0] if rows else None

    def _refresh(self) -> None:
        try:
            changed = self.directory.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return
        for _ in range(TRIES if changed != self._changed else 0):
            try:
                self._read_changed()
            except FileNotFoundError:  # it went away meanwhile
                continue
            self._changed = changed if time.time_ns() - changed > SETTLED else None
            break

    def _read_changed(self) -> None:
        names = sorted(name for name in os.listdir(self.directory) if COMPACTED.fullmatch(name))
        stats = {self.directory / name: (self.directory / name).lstat() for name in names}
        stamps = {path: (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}
        if stamps != self._stamps:
            self._table = joined_tables({path: rows.table for path in stamps if (rows := self.read(path))}, self.note)
            self._places = {cell: i for i, cell in enumerate(self._table["cell"].to_pylist())}
            self._stamps = stamps
