"""Objects package.module:name and networks from a user's code, in the current folder or an installed package."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
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
    if not colon or not all(word.isidentifier() for word in (*module_name.split("."), name)):
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


def network_from(function: str, device: Any) -> Any:
    """The network package.module:name, or the network that this function returns for a device. UsageError."""
    target = imported(function)
    return target if required_arguments(target, function) > 1 else returned_network(target, function, device)


def required_arguments(target: Any, name: str) -> int:
    """Number of required arguments, at least 1. With 1 the function returns the network, else it is the network."""
    import torch

    if isinstance(target, torch.nn.Module):
        return 2
    if not callable(target) or isinstance(target, type):
        raise UsageError(f"py:{name} is a {type(target).__name__}, neither a function nor a benchbox Model.")
    parameters = inspect.signature(target).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if not positional:
        raise UsageError(f"py:{name} takes no arguments: write {name.partition(':')[2]}(device).")
    return sum(p.default is p.empty for p in positional) or 1


def returned_network(function: Callable[..., Any], name: str, device: Any) -> Any:
    """The network that the function returns for a device. UsageError where it fails or returns something else."""
    try:
        with current_folder():
            network = function(device)
    except Exception as error:
        raise UsageError(f"py:{name} failed: {type(error).__name__}: {error}.") from error
    if not callable(network):
        raise UsageError(f"py:{name} returned a {type(network).__name__}, and a network, callable(y, t), is needed.")
    return network
