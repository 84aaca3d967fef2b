"""Metric states: what a metric has seen of a cell's samples, kept beside its row for a cell of more samples."""

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

FORMAT = 2
SUFFIX, OLD_SUFFIX = ".safetensors", ".npz"


@dataclass(frozen=True)
class MetricState:
    """What a metric has seen of the samples 0 … n−1 of a stream, and what was counted while they were made."""

    n: int
    counts: dict[str, float]
    state: dict[str, NDArray[Any]]


class MetricStates:
    """The files of a results directory, one for each stream and metric with its options: that of the most samples.

    A file that is damaged, foreign or of another stream is ignored, and `note` told so; nothing is unpickled.
    """

    def __init__(self, directory: Path, note: Note) -> None:
        self.directory, self.note = directory, note

    def path(self, key: str) -> Path:
        """Where the state of that key is. ValueError for what is no key."""
        return path_of(self.directory, key, SUFFIX, STATE_KEY)

    def stored(self) -> list[str]:
        """The keys of which there are files."""
        return sorted(path.stem for path in self.directory.glob(f"*{SUFFIX}") if STATE_KEY.fullmatch(path.stem))

    def old(self) -> list[Path]:
        """Files in the format of an earlier benchbox, which are not read."""
        return sorted(path for path in self.directory.glob(f"*{OLD_SUFFIX}") if STATE_KEY.fullmatch(path.stem))

    def count(self, key: str) -> int:
        """Of how many samples there is a state."""
        state = self._read(key, arrays=False)
        return state.n if state else 0

    def get(self, key: str) -> MetricState | None:
        """The state of that key, or None where there is none that can be read."""
        return self._read(key, arrays=True)

    def put(self, key: str, state: MetricState) -> None:
        """Write a state, whole or not at all, unless the one there is of more samples. OSError where it cannot be."""
        path = self.path(key)
        if any(array.dtype.hasobject for array in state.state.values()) or (
            path.exists() and self.count(key) > state.n
        ):
            return
        report = {"format": FORMAT, "key": key, "n": state.n, "counts": state.counts}
        write_bytes(path, pack(report, state.state))

    def inspect(self) -> None:
        """Tell of every file here that is named like a metric state and is none, or is in an old format."""
        for key in self.stored():
            self.count(key)
        for path in self.old():
            self.note(path, "is in the format of an older benchbox: its statistics are computed anew")

    def _read(self, key: str, arrays: bool) -> MetricState | None:
        path = self.path(key)
        try:
            with opened(path) as file:
                report, state = unpack(file.read()) if arrays else (report_in(path), {})
            if (report["format"], report["key"]) != (FORMAT, key) or int(report["n"]) < 1:
                raise ValueError("it holds other statistics than its name says")
            return MetricState(int(report["n"]), {str(k): float(v) for k, v in report["counts"].items()}, state)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:  # whatever hostile bytes lead to
            self.note(path, left_out(error))
            return None
