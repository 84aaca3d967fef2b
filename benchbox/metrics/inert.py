"""Arrays in a pickle, read as data: nothing that it names is imported, made or called."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray


class Record:
    """What stands for whatever a pickle names: it keeps what it is called with, and the state it is given."""

    qualified = ""
    state: Any = None

    def __new__(cls, *arguments: Any, **_: Any) -> Record:
        made = super().__new__(cls)
        made.arguments = arguments
        return made

    arguments: tuple[Any, ...] = ()

    def __init__(self, *arguments: Any, **_: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Reader(pickle._Unpickler):  # the one in Python: that in C reserves memory for any number in the file
    """Reads the built-in containers, numbers and bytes; every name becomes a `Record` of its own."""

    def find_class(self, module: str, name: str) -> Any:
        return type("Named", (Record,), {"qualified": f"{module}.{name}"})


def arrays_in_pickle(file: IO[bytes]) -> Mapping[str, Any]:
    """The dictionary in a pickle, arrays of numpy in it as such. Any error where it holds another thing."""
    found = Reader(file).load()
    if not isinstance(found, dict):
        raise ValueError(f"it is a pickle of a {type(found).__name__}, not of a dictionary")
    return {str(name): rebuilt(value) for name, value in found.items()}


def rebuilt(value: Any) -> Any:
    """The value, its arrays rebuilt from their bytes."""
    if isinstance(value, dict):
        return {str(name): rebuilt(inner) for name, inner in value.items() if not isinstance(inner, dict)}
    return rebuilt_array(value) if isinstance(value, Record) else value


def rebuilt_array(record: Record) -> NDArray[Any]:
    """An array of numbers as numpy pickles it: by `_reconstruct` and a state, or by `_frombuffer`."""
    if record.qualified.endswith("._frombuffer"):
        data, kind, shape, order = record.arguments
    elif record.qualified.endswith("._reconstruct"):
        _, shape, kind, fortran, data = record.state
        order = "F" if fortran else "C"
    else:
        raise ValueError(f"it holds a {record.qualified} where arrays are needed")
    if isinstance(data, Record):  # protocol 2 has no bytes: _codecs.encode(text, "latin1") makes them
        data = data.arguments[0].encode("latin-1")
    return np.frombuffer(data, number_type(kind)).reshape(shape, order=order)


def number_type(record: Record) -> np.dtype[Any]:
    """The type of an array's numbers. ValueError for objects and the like."""
    kind = np.dtype(str(record.arguments[0]))
    if kind.kind not in "iuf":
        raise ValueError(f"it holds an array of {kind}, where numbers are needed")
    return kind.newbyteorder(record.state[1]) if record.state else kind
