"""Grids of integer indices k of the T points of a discrete schedule (T = 1000 for a continuous one), t = k/T."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.grid import Grid
from benchbox.schedule import Schedule


class Indices(Grid):
    @abstractmethod
    def indices(self, n: int, steps: int) -> NDArray[np.float64]:
        """n decreasing indices k in 1 … T."""

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        if not self._distinct(schedule, n_levels):
            largest = next(n for n in range(n_levels, 0, -1) if self._distinct(schedule, n))
            raise UsageError(
                f"grid {self.name} on schedule {schedule.name}: {n_levels} levels coincide after rounding to integer "
                f"indices; at most {largest} levels are possible."
            )
        return self._times(schedule, n_levels)

    def _times(self, schedule: Schedule, n: int) -> NDArray[np.float64]:
        first, last = self.ends(schedule)
        steps = schedule.steps or 1000
        return np.clip(self.indices(n, steps) / steps, last, first)

    def _distinct(self, schedule: Schedule, n: int) -> bool:
        return n <= (schedule.steps or 1000) and bool((np.diff(self._times(schedule, n)) < 0).all())


@dataclass(frozen=True)
class Leading(Indices):
    """k = 1 + i⌊T/N⌋, i = N−1 … 0 (DDIM: Song, Meng & Ermon 2021, arXiv:2010.02502; the name is diffusers')."""

    name = "leading"

    def indices(self, n: int, steps: int) -> NDArray[np.float64]:
        if n == 1:
            return np.array([float(steps)])  # one level is the noisiest
        return np.arange(n - 1, -1, -1, dtype=np.float64) * (steps // n) + 1


@dataclass(frozen=True)
class Trailing(Indices):
    """k = round(T − iT/N), i = 0 … N−1 (Lin et al. 2024, arXiv:2305.08891, table 2): starts at T, all intervals
    equal."""

    name = "trailing"

    def indices(self, n: int, steps: int) -> NDArray[np.float64]:
        return np.asarray(np.round(steps - np.arange(n) * steps / n), dtype=np.float64)
