"""What the models with an exact denoiser share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchbox.model import Model
from benchbox.schedule import Schedule

Array = NDArray[np.float64]


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


def array(value: tuple[float, ...] | Path, what: str) -> Array:
    """Numbers given as they are, or as an .npy file. ValueError where the file is not one."""
    if not isinstance(value, Path):
        return np.asarray(value, dtype=np.float64)
    try:
        loaded = np.load(value, allow_pickle=False)
        return np.asarray(loaded, dtype=np.float64)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{what}={value} is neither numbers a:b:c nor an .npy file of them ({error}).") from None
