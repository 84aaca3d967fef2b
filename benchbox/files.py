"""Reading the user's files: any failure becomes one sentence."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from benchbox.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

MOST_TEXT = 2**27
"""Bytes of the largest text file that is read."""

WRONG_FILES = {
    b"version https://git-lfs": "it is a git-lfs pointer instead of the file: run git lfs pull",
    b"<!doctype html": "it is a web page, perhaps the error page of a download",
    b"<html": "it is a web page, perhaps the error page of a download",
}
"""Files that often stand in for the right one, by their first bytes."""


@contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Any error inside becomes a UsageError that names the file, the expected content and the reason."""
    try:
        if path.is_dir():
            raise ValueError("it is a folder")
        yield
    except UsageError:
        raise
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}.") from None
    except Exception as error:  # libraries raise any exception for a damaged file
        if isinstance(error, OSError) and error.strerror:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
        raise UsageError(f"{path} is not {expected}: {mistaken(path) or why(error)}.") from None


def why(error: Exception) -> str:
    """The message of an error on one line; its type where the message is empty."""
    if isinstance(error, KeyError):
        return f"it has no {error}"
    lines = str(error).strip().splitlines() or [f"{type(error).__name__} while it was read"]
    message = " ".join(lines[:2] if lines[0].endswith(":") else lines[:1])
    return " ".join(message.split()).rstrip(".: ")[:300]


def mistaken(path: Path) -> str | None:
    """What the file is instead of the expected one, if its first bytes show it."""
    try:
        with path.open("rb") as file:
            start = file.read(64).lstrip().lower()
    except OSError:
        return None
    if not start:
        return "it is empty"
    return next((message for head, message in WRONG_FILES.items() if start.startswith(head)), None)


def text_in(path: Path, expected: str) -> str:
    """The text in a file: UTF-8, or UTF-16 with a byte-order mark, as on Windows. UsageError for other files."""
    with reading(path, expected), path.open("rb") as file:
        data = file.read(MOST_TEXT + 1)
        if len(data) > MOST_TEXT:
            raise ValueError(f"it has more than {MOST_TEXT:,} bytes")
        return data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")


def json_in(path: Path, expected: str) -> Any:
    """The value in a JSON file. UsageError for other files."""
    text = text_in(path, expected)
    with reading(path, expected):
        return json.loads(text)


def fits_type(value: Any, hint: Any) -> bool:
    """Whether a JSON value, items included, has a type; an integer is a valid float."""
    if hint is Any:
        return True
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        return isinstance(value, list) and all(fits_type(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict)
    if arguments:
        return any(fits_type(value, member) for member in arguments)
    return isinstance(value, hint)


def type_name(hint: Any) -> str:
    """A type, for a message."""
    return str(getattr(hint, "__name__", hint) if get_origin(hint) is None else hint).replace("typing.", "")


def array_in(path: Path, expected: str, key: str | None = None) -> NDArray[Any]:
    """The numeric array in an .npy, or the one named `key` in an .npz; nothing is unpickled. UsageError."""
    import numpy as np

    with reading(path, expected):
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            array: NDArray[Any] = loaded
        else:
            with loaded:
                array = loaded[key]
        if array.dtype.kind not in "buif":
            raise ValueError(f"it holds {array.dtype.name} where numbers are needed")
        return array


def tensors_in(path: Path, expected: str = "a safetensors file") -> dict[str, Tensor]:
    """The tensors in a safetensors file, by name. UsageError for other files."""
    from safetensors.torch import load_file

    with reading(path, expected):
        return load_file(path)
