"""One cell's row in files of many: an index of the cells, and rows read by the group."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from benchbox.store.joining import DECIDING, Note, latest, places_of_latest
from benchbox.store.paths import COMPACTED
from benchbox.store.reading import checked, left_out, parquet

GROUP = 2_000
"""Rows in a group: to get one of them, a group is read."""

KEPT = 16
"""Groups that are kept in memory."""

TRIES = 5
"""Times that a directory is looked through anew where files go away meanwhile: those of others who compact it."""

SETTLED = 1e9
"""Nanoseconds after which a change to a directory is known to have changed its time, too."""


class Place(NamedTuple):
    path: Path
    group: int


class Compacted:
    """The compacted files of a directory. What of them cannot be read is told to `note`."""

    def __init__(self, directory: Path, note: Note) -> None:
        self.directory, self.note = directory, note
        self._changed: int | None = None
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._damaged: dict[Path, tuple[int, int]] = {}
        self._places: dict[str, Place] = {}
        self._groups: dict[Place, pa.Table] = {}

    def get(self, cell: str) -> dict[str, Any] | None:
        """The row of a cell, None where no file has one."""
        for _ in range(TRIES):
            place = None
            try:
                self._refresh()
                place = self._places.get(cell)
                return None if place is None else self._row(cell, place)
            except Exception as error:  # it went away, or is damaged where the index does not look
                if place is not None and not isinstance(error, FileNotFoundError):
                    self.note(place.path, left_out(error))
                    self._damaged[place.path] = self._stamps[place.path]
                self._changed, self._stamps = None, {}
        return None

    def _row(self, cell: str, place: Place) -> dict[str, Any] | None:
        if place not in self._groups:
            with parquet(place.path) as file:
                self._groups[place] = checked(file.read_row_group(place.group)).table
            if len(self._groups) > KEPT:
                self._groups.pop(next(iter(self._groups)))
        table = self._groups[place]
        rows: list[dict[str, Any]] = latest(table.filter(pc.equal(table["cell"], cell))).to_pylist()
        return rows[0] if rows else None

    def _refresh(self) -> None:
        """Read the index anew where a file is new, gone or another."""
        try:
            changed = self.directory.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return
        if changed == self._changed:
            return
        names = sorted(name for name in os.listdir(self.directory) if COMPACTED.fullmatch(name))
        stats = {self.directory / name: (self.directory / name).lstat() for name in names}
        stamps = {path: (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}
        if stamps != self._stamps:
            whole = [path for path, stamp in stamps.items() if self._damaged.get(path) != stamp]
            self._places, self._groups = self._index(whole), {}
        self._stamps = stamps
        self._changed = changed if time.time_ns() - changed > SETTLED else None

    def _index(self, paths: list[Path]) -> dict[str, Place]:
        """Where each cell's latest row is."""
        parts = [part for path in paths for part in self._parts(path)]
        if not parts:
            return {}
        table = pa.concat_tables([part for _, part in parts], promote_options="default")
        places = [place for place, part in parts for _ in range(len(part))]
        cells = table["cell"].to_pylist()
        return {cells[i]: places[i] for i in places_of_latest(table).to_pylist()}

    def _parts(self, path: Path) -> list[tuple[Place, pa.Table]]:
        """What the groups of a file say of their cells; nothing of a file that cannot be read."""
        try:
            with parquet(path) as file:
                groups = range(file.num_row_groups)
                found = [checked(file.read_row_group(group, columns=list(DECIDING))).table for group in groups]
        except FileNotFoundError:
            raise
        except Exception as error:
            self.note(path, left_out(error))
            return []
        return [(Place(path, group), part) for group, part in zip(groups, found, strict=True)]
