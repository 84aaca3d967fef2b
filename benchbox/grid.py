"""Grids: the times of a schedule that a run visits, and the noise levels that its sampler gets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
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

    def check(self, n_levels: int) -> None:  # noqa: B027 (most grids are meant for any number)
        """Warn, before a run, where the levels are not meant for this number of them."""

    def ends(self, schedule: Schedule) -> tuple[float, float]:
        """The first (noisiest) and the last time."""
        last = schedule.t_min if self.sigma_min is None else float(schedule.time(self.sigma_min))
        first = schedule.t_max if self.sigma_max is None else float(schedule.time(self.sigma_max))
        return first, last

    def sigmas(self, schedule: Schedule) -> tuple[float, float]:
        """The first (largest) and the last σ."""
        first, last = (float(schedule.sigma(t)) for t in self.ends(schedule))
        return self.sigma_max or first, self.sigma_min or last


BESIDE = 1 + 1e-10
"""From a jump of the denoiser to a level above it, in σ: more than rounding, and less than any error."""


def stretched(sigmas: Sequence[float], n_levels: int) -> NDArray[np.float64]:
    """A list of levels brought to another length: ln σ is interpolated linearly in the position."""
    if len(sigmas) == n_levels:
        return np.asarray(sigmas, dtype=np.float64)
    positions = np.linspace(0, len(sigmas) - 1, n_levels)
    return np.exp(np.interp(positions, np.arange(len(sigmas)), np.log(sigmas)))


@dataclass(frozen=True)
class Levels:
    """The discretisation of a run: `times` of `schedule` and their `sigmas`, Python floats, strictly decreasing.

    jumps: the indices of the levels at which the denoiser jumps, as at the ends of a guidance interval.
    """

    schedule: Schedule
    times: tuple[float, ...]
    sigmas: tuple[float, ...]
    jumps: tuple[int, ...] = field(default=(), kw_only=True)

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

    def through(self, sigmas: Iterable[float]) -> Levels:
        """As many levels, through these σ, where the denoiser jumps: the nearest inner levels in ln σ are moved there.

        A σ outside of the range is ignored; with fewer inner levels than σ, none is moved.
        """
        inside = sorted((sigma for sigma in sigmas if self.sigmas[-1] < sigma < self.sigmas[0]), reverse=True)
        levels, jumps, last = np.array(self.sigmas), [0], len(self.sigmas) - 2
        if not inside or last < len(inside):
            return self
        for k, sigma in enumerate(inside, 1):
            nearest = int(np.abs(np.log(self.sigmas) - np.log(sigma)).argmin())
            jumps.append(min(max(nearest, jumps[-1] + 1), last - len(inside) + k))
        levels[jumps[1:]] = inside
        times = np.array(self.times)
        times[jumps[1:]] = self.schedule.time(np.array(inside))
        return Levels(self.schedule, tuple(times.tolist()), tuple(levels.tolist()), jumps=tuple(jumps[1:]))

    def pieces(self) -> Iterator[Levels]:
        """The levels from jump to jump; each piece ends just above a jump, and the next begins at it."""
        bounds = (0, *self.jumps, len(self.sigmas) - 1)
        for first, last in pairwise(bounds):
            times, sigmas = self.times[first : last + 1], self.sigmas[first : last + 1]
            if last in self.jumps:
                above = sigmas[-1] * BESIDE
                times, sigmas = (*times[:-1], float(self.schedule.time(above))), (*sigmas[:-1], above)
            yield Levels(self.schedule, times, sigmas)

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
