"""Loading of weights into a network. All tensors must match: a missing one would silently stay random."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from torch import Tensor, nn

from benchbox.errors import UsageError

Net = TypeVar("Net", bound=nn.Module)

NAMES_SHOWN = 3
"""Most names of tensors in one message."""


def fill(net: Net, tensors: Mapping[str, Tensor], owner: str) -> Net:
    """The network with these weights, converted to its dtype. UsageError where they belong to another network."""
    state = net.state_dict()
    shapes = [name for name in state.keys() & tensors.keys() if state[name].shape != tensors[name].shape]
    refuse_others(owner, state.keys() - tensors.keys(), tensors.keys() - state.keys(), shapes)
    net.load_state_dict(tensors)
    return net


def refuse_others(owner: str, missing: Iterable[str], unexpected: Iterable[str], shapes: Iterable[str] = ()) -> None:
    """UsageError that names the missing tensors, the unexpected ones and those of another shape."""
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    faults = [f"{kind}: {first_names(names)}" for kind, names in kinds.items() if names]
    if faults:
        raise UsageError(f"{owner} cannot be loaded: they belong to another network ({'; '.join(faults)}).")


def first_names(names: Iterable[str]) -> str:
    first = sorted(names)
    more = f" and {len(first) - NAMES_SHOWN:,} more" if len(first) > NAMES_SHOWN else ""
    return ", ".join(first[:NAMES_SHOWN]) + more
