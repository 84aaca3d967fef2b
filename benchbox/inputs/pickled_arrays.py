"""Arrays of numbers in a pickle of EDM2 or torch. No code in the file is run, see `benchbox.inputs.pickles`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.inputs.pickles import Call, StackMachine

NUMBER_CODE = re.compile(r"[iu][1248]|f[248]")
"""dtypes of integers and floating-point numbers, as numpy pickles them."""


def arrays_in_pickle(file: IO[bytes], names: Collection[str], entry: str) -> Mapping[str, Any]:
    """The numpy arrays with these names in a pickled dictionary, and in its entry of that name if it is a dictionary.

    No other array is rebuilt. Any exception where the file holds something else.
    """
    values = StackMachine().run(file)
    if not isinstance(values, dict):
        raise ValueError(f"it is a pickle of a {type(values).__name__}, not of a dictionary")
    inner = values.get(entry)
    return arrays_among(values, names) | ({entry: arrays_among(inner, names)} if isinstance(inner, dict) else {})


def arrays_among(values: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: rebuilt_array(values[name]) for name in names if isinstance(values.get(name), Call)}


def rebuilt_array(call: Call) -> NDArray[Any]:
    """An array of numbers as numpy pickles it: by `_reconstruct` and a state, or by `_frombuffer`."""
    function = call.function.text
    if function.endswith("._frombuffer"):
        data, dtype, shape, order = call.arguments
    elif function.endswith("._reconstruct"):
        _, shape, dtype, fortran, data = call.state
        order = "F" if fortran else "C"
    else:
        raise ValueError(f"it holds a {function!r} where arrays are needed")
    if isinstance(data, Call):  # protocol 2 has no bytes: _codecs.encode(text, "latin1") makes them
        data = data.arguments[0].encode("latin-1")
    return np.frombuffer(data, number_type(dtype)).reshape(shape, order=order)


def number_type(call: Call) -> np.dtype[Any]:
    """The dtype of a pickled `numpy.dtype(code, …)` with state (version, byte order, …). ValueError unless numeric."""
    code = call.arguments[0]
    if not isinstance(code, str) or not NUMBER_CODE.fullmatch(code):
        raise ValueError("it holds an array of something else than numbers")
    dtype = np.dtype(code)
    return dtype.newbyteorder(call.state[1]) if call.state else dtype
