"""Import of objects package.module:name from the current folder or an installed package."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchbox.errors import UsageError, unknown
from benchbox.models.opened import opened_files


@contextmanager
def current_folder() -> Iterator[None]:
    """Put the current folder first in the search path of imports."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


FILES_READ: dict[str, set[str]] = {}
"""Module name to the files that its import read. Only the first import in a process reads files."""


def imported(function: str) -> Any:
    """The object package.module:name. The files that its import reads are in `FILES_READ`. UsageError if missing."""
    module_name, colon, name = function.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module_name.split("."), name)):
        raise UsageError(f"py:{function} must have the form py:package.module:function.")
    new = module_name not in sys.modules
    try:
        with current_folder(), opened_files() as files:
            module = importlib.import_module(module_name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            raise UsageError(
                f"there is no module {module_name} in this folder ({os.getcwd()}) or installed: "
                f"py:{function} means {module_name.replace('.', '/')}.py here."
            ) from None
        raise UsageError(f"module {module_name} cannot be imported: {type(error).__name__}: {error}.") from error
    if new:
        FILES_READ[module_name] = files
    if not hasattr(module, name):
        functions = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise unknown(f"function of module {module_name}", name, functions)
    return getattr(module, name)
