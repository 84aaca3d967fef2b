"""Networks from functions in a user's code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from benchbox.errors import UsageError
from benchbox.models.importing import current_folder, imported


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
