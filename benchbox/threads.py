"""How the threads of torch wait for one another: asleep, so that processes that share the cores do not slow each other.

OpenMP's threads spin by default while they wait. On cores that other programs use too, they spin away the time in which
the thread that they wait for would run.
"""

from __future__ import annotations

from collections.abc import Mapping

CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Variables by which a user says how OpenMP's threads wait; the last three are those of GNU's and Intel's libraries."""


def passive(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that make OpenMP's threads sleep while they wait; none where the user has said how they wait.

    They must be in the environment of a process before it loads torch.
    """
    return {} if any(name in environment for name in CHOICES) else {"OMP_WAIT_POLICY": "passive"}
