"""Weights into a network, all of them or none: a tensor that is missing would be a random number, in silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from torch import Tensor, nn

from benchbox.errors import UsageError

Net = TypeVar("Net", bound=nn.Module)

NAMES_SHOWN = 3
"""Names of tensors in one sentence."""


def fill(net: Net, tensors: Mapping[str, Tensor], what: str) -> Net:
    """The network with these weights, in the network's own type of number. UsageError where they are not its own."""
    own = net.state_dict()
    shapes = [name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape]
    refuse_others(what, own.keys() - tensors.keys(), tensors.keys() - own.keys(), shapes)
    net.load_state_dict(tensors)
    return net


def refuse_others(what: str, missing: Iterable[str], unexpected: Iterable[str], shapes: Iterable[str] = ()) -> None:
    """UsageError that names the tensors that a network misses, those that it has no place for, and those misshapen."""
    kinds = {"missing": missing, "without a place": unexpected, "of another shape": shapes}
    faults = [f"{kind}: {first_names(names)}" for kind, names in kinds.items() if names]
    if faults:
        raise UsageError(f"{what} cannot be loaded: they are not those of its network ({'; '.join(faults)}).")


def first_names(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    first = sorted(names)
    more = f" and {len(first) - NAMES_SHOWN:,} more" if len(first) > NAMES_SHOWN else ""
    return ", ".join(first[:NAMES_SHOWN]) + more
