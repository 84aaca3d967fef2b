"""Metric states, stored beside the rows, so that a cell of more samples can continue from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from benchbox.atomic import write_bytes
from benchbox.store.arrays import pack, report_in, unpack
from benchbox.store.paths import STATE_KEY, opened, path_of
from benchbox.store.reading import left_out
from benchbox.store.tables import Note

STATE_FORMAT = 2
SUFFIX, OLD_SUFFIX = ".safetensors", ".npz"


@dataclass(frozen=True)
class MetricState:
    """The state of a metric's accumulator after samples 0 … n−1 of a stream, and the counts of their run."""

    n: int
    counts: dict[str, float]
    state: dict[str, NDArray[Any]]


class MetricStates:
    """The metric states of a results directory, one file for each stream, metric and options; the largest n is kept.

    Damaged and foreign files are ignored, and reported to `note`. Nothing is unpickled.
    """

    def __init__(self, directory: Path, note: Note) -> None:
        self.directory, self.note = directory, note

    def path(self, key: str) -> Path:
        """The file of a state. ValueError for a name that is not a key."""
        return path_of(self.directory, key, SUFFIX, STATE_KEY)

    def stored(self) -> list[str]:
        """The keys of all stored states."""
        return sorted(path.stem for path in self.directory.glob(f"*{SUFFIX}") if STATE_KEY.fullmatch(path.stem))

    def old(self) -> list[Path]:
        """Files in the format of an earlier version, which are not read."""
        return sorted(path for path in self.directory.glob(f"*{OLD_SUFFIX}") if STATE_KEY.fullmatch(path.stem))

    def count(self, key: str) -> int:
        """The number of samples of a stored state; 0 without one."""
        state = self._read(key, arrays=False)
        return state.n if state else 0

    def get(self, key: str) -> MetricState | None:
        """The state, or None if there is none that can be read."""
        return self._read(key, arrays=True)

    def put(self, key: str, state: MetricState) -> None:
        """Write a state atomically, unless the stored one has more samples. OSError."""
        path = self.path(key)
        if any(array.dtype.hasobject for array in state.state.values()) or (
            path.exists() and self.count(key) > state.n
        ):
            return
        report = {"format": STATE_FORMAT, "key": key, "n": state.n, "counts": state.counts}
        write_bytes(path, pack(report, state.state))

    def inspect(self) -> None:
        """Report every file that is named like a metric state and cannot be read, or is in an old format."""
        for key in self.stored():
            self.count(key)
        for path in self.old():
            self.note(path, "is in the format of an older benchbox: its statistics are computed anew")

    def _read(self, key: str, arrays: bool) -> MetricState | None:
        path = self.path(key)
        try:
            with opened(path) as file:
                report, state = unpack(file.read()) if arrays else (report_in(path), {})
            if (report["format"], report["key"]) != (STATE_FORMAT, key) or int(report["n"]) < 1:
                raise ValueError("it holds other statistics than its name says")
            return MetricState(int(report["n"]), {str(k): float(v) for k, v in report["counts"].items()}, state)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:  # libraries raise any exception for hostile bytes
            self.note(path, left_out(error))
            return None
