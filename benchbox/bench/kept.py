"""Statistics of a cell's samples, kept beside its row, so that a cell of more samples goes on from them."""

from __future__ import annotations

import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
SAID, STATE = "benchbox", "state."
"""In the file: what it says of itself, as JSON; and the prefix of a metric's own arrays."""

UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, NotImplementedError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
"""What a damaged or foreign file can raise."""


@dataclass(frozen=True)
class Kept:
    """What a metric has seen of the samples 0 … n−1 of a stream, and what was counted while they were made."""

    n: int
    counts: dict[str, float]
    state: dict[str, NDArray[Any]]


class Statistics:
    """The files of a results directory, one for each stream and metric with its options: that of the most samples.

    A file that is truncated, foreign or of another stream is ignored, and `problem` told so; nothing is unpickled.
    """

    def __init__(self, directory: Path, problem: Callable[[Path, Exception], None]) -> None:
        self.directory, self.problem = directory, problem

    def path(self, key: str) -> Path:
        return self.directory / f"{key}.npz"

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
        temporary = self.directory / f".{key}-{os.getpid()}.tmp"
        try:
            with temporary.open("wb") as file:
                np.savez(file, **arrays | {SAID: np.array(json.dumps(said))})
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path(key))
        finally:
            temporary.unlink(missing_ok=True)

    def inspect(self) -> None:
        """Tell of every file here that is named like statistics and is none."""
        for path in sorted(self.directory.glob("*.npz")):
            if re.match(r"[0-9a-f]{16}-", path.name):
                self._read(path.stem, state=False)

    def _read(self, key: str, state: bool) -> Kept | None:
        path = self.path(key)
        try:
            with np.load(path, allow_pickle=False) as file:
                said = json.loads(file[SAID].item())
                if (said["format"], said["key"]) != (FORMAT, key) or int(said["n"]) < 1:
                    raise ValueError("it holds other statistics than its name says")
                names = [name for name in file.files if name.startswith(STATE)] if state else []
                arrays = {name.removeprefix(STATE): file[name] for name in names}
                counts = {str(name): float(value) for name, value in said["counts"].items()}
                return Kept(int(said["n"]), counts, arrays)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except UNREADABLE as error:
            self.problem(path, error)
            return None
