"""Agreement of a model with the software that it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """A comparison of a model with the software that it comes from, and the largest difference that is allowed."""

    name: str
    difference: float
    allowed: float
