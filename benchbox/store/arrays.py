"""Arrays and a report as bytes: safetensors, with the report as JSON in its header. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

REPORT, TYPES, ARRAYS_HASH = "report", "types", "sha256"
"""In the header: the report; the types of arrays that are stored as bytes, since safetensors lacks them; a hash."""

SAFETENSORS_TYPES = frozenset("?bBhHiIlLqQefdF")
"""The types that safetensors has."""

Arrays = Mapping[str, NDArray[Any]]


def pack(report: Any, arrays: Arrays) -> bytes:
    """A report of JSON values and arrays of numbers or text. ValueError for an array of objects."""
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    if any(array.dtype.hasobject for array in arrays.values()):
        raise ValueError("a metric's state holds objects, where arrays of numbers are meant")
    types = {name: (a.dtype.str, a.shape) for name, a in arrays.items() if a.dtype.char not in SAFETENSORS_TYPES}
    stored = {
        name: raw_bytes(a) if name in types else a.astype(a.dtype.newbyteorder("<"), copy=False)
        for name, a in arrays.items()
    }
    head = {REPORT: json.dumps(report), TYPES: json.dumps(types)}
    return save(stored, head | {ARRAYS_HASH: arrays_sha256(head, stored)})


def unpack(data: bytes) -> tuple[Any, dict[str, NDArray[Any]]]:
    """The report and the arrays. ValueError where the bytes are damaged, or no such thing."""
    try:
        stored = load(data)
        head = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        if head.pop(ARRAYS_HASH) != arrays_sha256(head, stored):
            raise ValueError("it was changed after it was written: its hash differs")
        types = json.loads(head[TYPES])
        arrays = {name: restored(array, *types[name]) if name in types else array for name, array in stored.items()}
        return json.loads(head[REPORT]), arrays
    except (SafetensorError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("it is damaged, or no safetensors of benchbox") from error


def report_in(path: Path) -> Any:
    """The report of a file, without reading its arrays. ValueError where it is damaged, or no such thing."""
    try:
        with safe_open(path, framework="np") as file:
            return json.loads(file.metadata()[REPORT])
    except (SafetensorError, LookupError, TypeError, RecursionError) as error:
        raise ValueError("it is damaged, or no safetensors of benchbox") from error


def arrays_sha256(head: Mapping[str, str], arrays: Arrays) -> str:
    checksum = hashlib.sha256(json.dumps([head[REPORT], head[TYPES]]).encode())
    for name in sorted(arrays):
        checksum.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        checksum.update(arrays[name].tobytes())
    return checksum.hexdigest()


def raw_bytes(array: NDArray[Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(array.tobytes(), np.uint8)


def restored(array: NDArray[np.uint8], kind: str, shape: list[int]) -> NDArray[Any]:
    return np.frombuffer(array.tobytes(), np.dtype(kind)).reshape(shape).copy()
