"""Noise schedules: x_t = s(t) (x_0 + σ(t) n), with scale s and noise level σ, t from data to noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = float | NDArray[np.float64]
"""A float64 scalar or array."""


class Schedule(ABC):
    """Scale s(t) and noise level σ(t) (Karras et al. 2022, arXiv:2206.00364, §5), t in [t_min, t_max].

    A schedule is a frozen dataclass whose fields are its options. All methods take and return float64 scalars or
    arrays of one shape. In these terms the forward SDE dy = f y dt + g dw has f = s'/s and g² = 2 s² σ σ'.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()

    @property
    def t_min(self) -> float:
        """The time of the smallest noise level."""
        return 1e-3

    @property
    def t_max(self) -> float:
        """The time of the largest noise level."""
        return 1.0

    @property
    def steps(self) -> int | None:
        """The number T of points of a discrete schedule (t = k/T, log σ linear in between); None: continuous."""
        return None

    @abstractmethod
    def scale(self, t: Floats) -> Floats:
        """s(t)."""

    @abstractmethod
    def sigma(self, t: Floats) -> Floats:
        """σ(t), increasing in t."""

    @abstractmethod
    def time(self, sigma: Floats) -> Floats:
        """The inverse of `sigma`."""

    @abstractmethod
    def dlog_scale(self, t: Floats) -> Floats:
        """d ln s / dt."""

    @abstractmethod
    def dsigma(self, t: Floats) -> Floats:
        """dσ/dt."""

    def start_std(self, t: Floats) -> Floats:
        """The standard deviation, in x = y/s, of the initial noise of a run: N(0, I) in y unless overridden."""
        return 1 / self.scale(t)


class ExplodingSchedule(Schedule):
    """A schedule with s = 1 and initial noise N(0, σ²)."""

    @property
    def t_min(self) -> float:
        return 1e-5

    def scale(self, t: Floats) -> Floats:
        return np.ones_like(t, dtype=np.float64)[()]

    def dlog_scale(self, t: Floats) -> Floats:
        return np.zeros_like(t, dtype=np.float64)[()]

    def start_std(self, t: Floats) -> Floats:
        return self.sigma(t)


class DiscreteSchedule(Schedule):
    """A variance-preserving schedule of T = `steps` points t = k/T; log σ is linear in t between them."""

    @property
    @abstractmethod
    def steps(self) -> int: ...

    @property
    @abstractmethod
    def log_sigmas(self) -> NDArray[np.float64]:
        """ln σ_k for k = 1 … T, increasing: ½ ln(1/ᾱ_k − 1)."""

    @property
    def t_min(self) -> float:
        return 1 / self.steps

    @cached_property
    def points(self) -> NDArray[np.float64]:
        return np.arange(1, self.steps + 1) / self.steps

    def scale(self, t: Floats) -> Floats:
        return 1 / np.sqrt(1 + np.square(self.sigma(t)))

    def sigma(self, t: Floats) -> Floats:
        return np.exp(np.interp(t, self.points, self.log_sigmas))

    def time(self, sigma: Floats) -> Floats:
        return np.interp(np.log(sigma), self.log_sigmas, self.points)

    def dlog_scale(self, t: Floats) -> Floats:
        sigma = self.sigma(t)
        return -sigma * self.dsigma(t) / (1 + np.square(sigma))

    def dsigma(self, t: Floats) -> Floats:
        slopes = np.diff(self.log_sigmas) * self.steps
        # the tolerance assigns t = k/T to the interval below it, whatever its rounding
        k = np.clip(np.ceil(np.asarray(t) * self.steps - 1e-9).astype(int) - 2, 0, self.steps - 2)
        return self.sigma(t) * slopes[k]
