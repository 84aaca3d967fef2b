"""What a task asks of the machine that runs it, and how many such tasks the machines of a cluster hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from benchbox.errors import UsageError

Amounts = dict[str, float]
"""Amounts by Ray's names: CPU, GPU, memory (bytes), and whatever a cluster was started with."""

ITEM = re.compile(r"([^\s=][^=]*)=(\d+(?:\.\d+)?)(?::|$)")


def parse(text: str) -> Amounts:
    """NAME=AMOUNT:NAME=AMOUNT…; a name may hold colons. ValueError for anything else."""
    items = list(ITEM.finditer(text))
    if "".join(match[0] for match in items) != text or text.endswith(":"):
        raise ValueError(f"resources is {text!r}: write NAME=AMOUNT, several as NAME=AMOUNT:NAME=AMOUNT.")
    return {match[1]: float(match[2]) for match in items}


def check_amounts(amounts: Amounts) -> None:
    """ValueError for an amount that Ray refuses: none may be negative, and above 1 all are whole."""
    for name, amount in amounts.items():
        whole = amount <= 1 or amount == int(amount)
        if not (math.isfinite(amount) and amount >= 0 and whole):
            raise ValueError(f"{amount:g} of {name} cannot be asked for: give a number of at most 1, or a whole one.")


def room(machine: Amounts, wanted: Amounts) -> int:
    """How many such tasks a machine holds."""
    return min(int(machine.get(name, 0.0) / amount + 1e-9) for name, amount in wanted.items() if amount)


def alone(machines: Iterable[Amounts], wanted: Amounts) -> Amounts:
    """The demand of a task with nothing else beside it on its device: whole GPUs, or all CPUs of a largest machine."""
    if gpus := wanted.get("GPU"):
        return wanted | {"GPU": float(math.ceil(gpus))}
    cpus = [machine["CPU"] for machine in machines if room(machine, wanted)]
    return wanted | {"CPU": max(cpus, default=wanted["CPU"])}


def fitting(machines: Iterable[Amounts], wanted: Amounts) -> None:
    """UsageError where no machine holds such a task: it would wait for ever."""
    if not any(room(machine, wanted) for machine in machines):
        asked = ", ".join(f"{amount:g} {name}" for name, amount in wanted.items() if amount)
        raise UsageError(f"no machine of the Ray cluster has what a task asks for ({asked}): ask for less.")
