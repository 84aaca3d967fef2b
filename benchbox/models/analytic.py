"""What the models with an exact denoiser share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchbox.files import array_in
from benchbox.model import Model
from benchbox.schedule import Schedule

FloatVector = NDArray[np.float64]


class Analytic(Model):
    """A model whose data's law is known: it has an exact `denoiser`, and can `draw` data."""

    @property
    def schedule(self) -> Schedule:
        from benchbox import get

        schedule: Schedule = get("schedule", "edm")
        return schedule

    @property
    def grid(self) -> str:
        return "karras"


def read_numbers(value: tuple[float, ...] | Path, what: str) -> FloatVector:
    """Numbers given as they are, or as an .npy file. UsageError where the file is not one."""
    if not isinstance(value, Path):
        return np.asarray(value, dtype=np.float64)
    return np.asarray(array_in(value, f"an .npy file of numbers, nor is {what}={value} numbers a:b:c"), np.float64)
