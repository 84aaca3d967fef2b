"""Base class of models with an exact denoiser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchbox.files import array_in
from benchbox.model import Model
from benchbox.registry import get
from benchbox.schedule import Schedule

FloatVector = NDArray[np.float64]


class Analytic(Model):
    """A model of data with a known law: it has an exact `denoiser` and can `draw` data."""

    @property
    def schedule(self) -> Schedule:
        schedule: Schedule = get("schedule", "edm")
        return schedule

    @property
    def grid(self) -> str:
        return "karras"


def read_numbers(value: tuple[float, ...] | Path, option: str) -> FloatVector:
    """Numbers, given as a tuple or as an .npy file. UsageError for other files."""
    if not isinstance(value, Path):
        return np.asarray(value, dtype=np.float64)
    return np.asarray(array_in(value, f"an .npy file of numbers, nor is {option}={value} numbers a:b:c"), np.float64)
