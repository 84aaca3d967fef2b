"""Resources that a task requests, and how many such tasks the machines of a cluster hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from benchbox.errors import UsageError

Amounts = dict[str, float]
"""Amounts by Ray's names: CPU, GPU, memory (bytes), and custom resources."""

ITEM = re.compile(r"([^\s=][^=]*)=(\d+(?:\.\d+)?)(?::|$)")


def parse(text: str) -> Amounts:
    """NAME=AMOUNT:NAME=AMOUNT…; a name may hold colons. ValueError for anything else."""
    items = list(ITEM.finditer(text))
    if "".join(match[0] for match in items) != text or text.endswith(":"):
        raise ValueError(f"resources is {text!r}: write NAME=AMOUNT, several as NAME=AMOUNT:NAME=AMOUNT.")
    return {match[1]: float(match[2]) for match in items}


def check_amounts(amounts: Amounts) -> None:
    """ValueError for an amount that Ray refuses: it must not be negative, and above 1 it must be an integer."""
    for name, amount in amounts.items():
        whole = amount <= 1 or amount == int(amount)
        if not (math.isfinite(amount) and amount >= 0 and whole):
            raise ValueError(f"{amount:g} of {name} cannot be requested: give a number up to 1, or an integer.")


def room(machine: Amounts, wanted: Amounts) -> int:
    """How many such tasks a machine holds."""
    return min(int(machine.get(name, 0.0) / amount + 1e-9) for name, amount in wanted.items() if amount)


def alone(machines: Iterable[Amounts], wanted: Amounts) -> Amounts:
    """The resources of an exclusive task: whole GPUs, or all CPUs of the largest machine."""
    if gpus := wanted.get("GPU"):
        return wanted | {"GPU": float(math.ceil(gpus))}
    cpus = [machine["CPU"] for machine in machines if room(machine, wanted)]
    return wanted | {"CPU": max(cpus, default=wanted["CPU"])}


def fitting(machines: Iterable[Amounts], wanted: Amounts) -> None:
    """UsageError where no machine holds such a task, which would wait forever."""
    if not any(room(machine, wanted) for machine in machines):
        requested = ", ".join(f"{amount:g} {name}" for name, amount in wanted.items() if amount)
        raise UsageError(f"no machine of the Ray cluster has the resources of a task ({requested}): request less.")
