"""benchbox's own threads, and passive waiting of torch's: processes that share the cores do not slow each other down.

By default, OpenMP's threads spin while they wait for each other. On cores that other programs use too, spinning takes
the CPU time that the other thread needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Thread, current_thread
from weakref import WeakSet

OWN_THREADS: WeakSet[Thread] = WeakSet()
"""Threads of benchbox's pools, which evaluate networks and take features. They outlive a task on purpose."""


def own_thread() -> None:
    """Count the calling thread among benchbox's own."""
    OWN_THREADS.add(current_thread())


CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Environment variables that control how OpenMP's threads wait; the last three are those of GNU and Intel."""

PASSIVE = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "2000"}


def passive(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that make OpenMP's threads sleep while they wait; none where the environment sets one already.

    GNU's threads spin for a few microseconds first: without that, a run on idle cores took 12 % longer.
    They take effect only in a process that has not loaded torch yet.
    """
    return {} if any(name in environment for name in CHOICES) else dict(PASSIVE)
