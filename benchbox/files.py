"""Files that a user supplies: whatever goes wrong while one is read is told in one sentence."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

MOST_TEXT = 2**27
"""Bytes of the largest text file that is read."""

MISTAKEN = {
    b"version https://git-lfs": "it is a pointer of git-lfs in place of the file: git lfs pull fetches the file",
    b"<!doctype html": "it is a web page, perhaps one that a download answered with",
    b"<html": "it is a web page, perhaps one that a download answered with",
}
"""What often lies in the place of a file, by how it begins."""


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Read a file inside. UsageError, whatever is raised: it names the file, what it should be, and why it is not."""
    try:
        if path.is_dir():
            raise ValueError("it is a folder")
        yield
    except UsageError:
        raise
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}.") from None
    except Exception as error:  # libraries raise anything for damaged bytes
        if isinstance(error, OSError) and error.strerror:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
        raise UsageError(f"{path} is not {what}: {mistaken(path) or why(error)}.") from None


def why(error: Exception) -> str:
    """What an error says, on one line; its kind where it says nothing."""
    if isinstance(error, KeyError):
        return f"it has no {error}"
    lines = str(error).strip().splitlines() or [f"{type(error).__name__} while it was read"]
    return lines[0].rstrip(".: ")[:300]


def mistaken(path: Path) -> str | None:
    """What a file is in place of what was meant, where that is known by its first bytes."""
    try:
        with path.open("rb") as file:
            start = file.read(64).lstrip().lower()
    except OSError:
        return None
    return (
        "it is empty" if not start else next((says for head, says in MISTAKEN.items() if start.startswith(head)), None)
    )


def text_in(path: Path, what: str) -> str:
    """The text in a file: UTF-8, or UTF-16 with a byte-order mark, as Windows writes it. UsageError for other files."""
    with reading(path, what), path.open("rb") as file:
        data = file.read(MOST_TEXT + 1)
        if len(data) > MOST_TEXT:
            raise ValueError(f"it has more than {MOST_TEXT:,} bytes")
        return data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")


def json_in(path: Path, what: str) -> Any:
    """The value in a JSON file. UsageError for other files."""
    text = text_in(path, what)
    with reading(path, what):
        return json.loads(text)


def array_in(path: Path, what: str, key: str | None = None) -> NDArray[Any]:
    """The array in an .npy, or that of a name in an .npz, of numbers: nothing is unpickled. UsageError."""
    import numpy as np

    with reading(path, what):
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            found: NDArray[Any] = loaded
        else:
            with loaded:
                found = loaded[key]
        if found.dtype.kind not in "buif":
            raise ValueError(f"it holds {found.dtype.name} where numbers are needed")
        return found


def tensors_in(path: Path, what: str = "a safetensors file") -> dict[str, Tensor]:
    """The tensors in a safetensors file, by their names. UsageError for other files."""
    from safetensors.torch import load_file

    with reading(path, what):
        return load_file(path)
