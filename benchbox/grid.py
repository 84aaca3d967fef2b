"""Grids: the times of a schedule that a run visits, and the noise levels that its sampler gets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.schedule import Schedule


@dataclass(frozen=True)
class Grid(ABC):
    """A rule that discretises a schedule; a frozen dataclass whose fields are its options.

    `sigma_min` and `sigma_max` limit the range of levels (None: the range of the schedule).
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    sigma_min: float | None = None
    sigma_max: float | None = None

    @abstractmethod
    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        """n_levels strictly decreasing times of the schedule; a single level is the noisiest."""

    def ends(self, schedule: Schedule) -> tuple[float, float]:
        """The first (noisiest) and the last time."""
        last = schedule.t_min if self.sigma_min is None else float(schedule.time(self.sigma_min))
        first = schedule.t_max if self.sigma_max is None else float(schedule.time(self.sigma_max))
        return first, last

    def sigmas(self, schedule: Schedule) -> tuple[float, float]:
        """The first (largest) and the last σ."""
        first, last = (float(schedule.sigma(t)) for t in self.ends(schedule))
        return self.sigma_max or first, self.sigma_min or last


@dataclass(frozen=True)
class Levels:
    """The discretisation of a run: `times` of `schedule` and their `sigmas`, Python floats, strictly decreasing."""

    schedule: Schedule
    times: tuple[float, ...]
    sigmas: tuple[float, ...]

    @classmethod
    def cut(cls, schedule: Schedule, grid: Grid, n_levels: int) -> Levels:
        """The levels of a grid on a schedule. UsageError unless they are finite, positive and decreasing."""
        times = np.asarray(grid(schedule, n_levels), dtype=np.float64)
        sigmas = np.asarray(schedule.sigma(times), dtype=np.float64)
        if len(times) != n_levels or not (np.isfinite(sigmas).all() and (sigmas > 0).all()):
            raise UsageError(
                f"grid {grid.name} on schedule {schedule.name} does not give {n_levels} finite positive levels."
            )
        if not ((np.diff(sigmas) < 0).all() and (np.diff(times) < 0).all()):
            raise UsageError(
                f"grid {grid.name} on schedule {schedule.name}: the {n_levels} levels are not strictly decreasing."
            )
        return cls(schedule, tuple(times.tolist()), tuple(sigmas.tolist()))

    @cached_property
    def scales(self) -> tuple[float, ...]:
        """s at each level."""
        return tuple(np.asarray(self.schedule.scale(np.array(self.times))).tolist())

    def interval(self, i: int) -> Levels:
        return Levels(self.schedule, self.times[i : i + 2], self.sigmas[i : i + 2])

    def in_frame(self, frame: Schedule | None) -> Levels:
        """The same levels with the times of another schedule (None: this one). UsageError where it lacks some."""
        if frame is None or frame == self.schedule:
            return self
        times = np.asarray(frame.time(np.array(self.sigmas)), dtype=np.float64)
        if not np.allclose(frame.sigma(times), self.sigmas, rtol=1e-6, atol=0):
            low, high = frame.sigma(frame.t_min), frame.sigma(frame.t_max)
            raise UsageError(
                f"frame {frame.name} has levels from {float(low):.3g} to {float(high):.3g}, which do not cover "
                f"those of the run, {self.sigmas[-1]:.3g} to {self.sigmas[0]:.3g}."
            )
        return Levels(frame, tuple(times.tolist()), self.sigmas)

    @property
    def start_std(self) -> float:
        """The standard deviation of the initial noise, in x."""
        return float(self.schedule.start_std(self.times[0]))
