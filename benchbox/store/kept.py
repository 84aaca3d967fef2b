"""Statistics of a cell's samples, kept beside its row, so that a cell of more samples goes on from them."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.store.atomic import write_whole
from benchbox.store.joining import Note
from benchbox.store.paths import KEY, opened, path_of
from benchbox.store.reading import left_out

FORMAT = 1
SAID, STATE = "benchbox", "state."
"""In the file: what it says of itself, as JSON; and the prefix of a metric's own arrays."""

MOST_BYTES = 2**34
"""What a file may claim to hold, unpacked."""


@dataclass(frozen=True)
class Kept:
    """What a metric has seen of the samples 0 … n−1 of a stream, and what was counted while they were made."""

    n: int
    counts: dict[str, float]
    state: dict[str, NDArray[Any]]


class Statistics:
    """The files of a results directory, one for each stream and metric with its options: that of the most samples.

    A file that is truncated, foreign or of another stream is ignored, and `note` told so; nothing is unpickled.
    """

    def __init__(self, directory: Path, note: Note) -> None:
        self.directory, self.note = directory, note

    def path(self, key: str) -> Path:
        """Where the statistics of that key are. ValueError for what is no key."""
        return path_of(self.directory, key, ".npz", KEY)

    def stored(self) -> list[str]:
        """The keys of which there are files."""
        return sorted(path.stem for path in self.directory.glob("*.npz") if KEY.fullmatch(path.stem))

    def count(self, key: str) -> int:
        """Of how many samples there are statistics."""
        found = self._read(key, state=False)
        return found.n if found else 0

    def get(self, key: str) -> Kept | None:
        """The statistics of that key, or None where there are none that can be read."""
        return self._read(key, state=True)

    def put(self, key: str, kept: Kept) -> None:
        """Write statistics, whole or not at all, unless those there are of more samples. OSError where it cannot be."""
        if any(array.dtype.hasobject for array in kept.state.values()) or self.count(key) > kept.n:
            return
        said = {"format": FORMAT, "key": key, "n": kept.n, "counts": kept.counts}
        arrays: dict[str, Any] = {STATE + name: array for name, array in kept.state.items()}
        write_whole(self.path(key), lambda file: np.savez(file, **arrays | {SAID: np.array(json.dumps(said))}))

    def inspect(self) -> None:
        """Tell of every file here that is named like statistics and is none."""
        for key in self.stored():
            self.count(key)

    def _read(self, key: str, state: bool) -> Kept | None:
        path = self.path(key)
        try:
            with opened(path) as file:
                return _kept(file, key, state)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:  # whatever numpy and zipfile make of hostile bytes
            self.note(path, left_out(error))
            return None


def _kept(file: IO[bytes], key: str, state: bool) -> Kept:
    """What a file holds; an error of any kind where that is not what its name says."""
    if not zipfile.is_zipfile(file):
        raise ValueError("it holds no statistics")
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        if sum(member.file_size for member in arrays.zip.infolist()) > MOST_BYTES:
            raise ValueError("it says that it holds too much")
        said = json.loads(arrays[SAID].item())
        if (said["format"], said["key"]) != (FORMAT, key) or int(said["n"]) < 1:
            raise ValueError("it holds other statistics than its name says")
        names = [name for name in arrays.files if name.startswith(STATE)] if state else []
        counts = {str(name): float(value) for name, value in said["counts"].items()}
        return Kept(int(said["n"]), counts, {name.removeprefix(STATE): arrays[name] for name in names})
