"""Levels published for one model each, as grids.

A list of N + 1 values is meant for N evaluations; its last value stands for the end, to which the driver's last
denoise leads. For another number of levels, ln of the values is interpolated linearly in their position, as the
authors' how-to and ComfyUI's nodes do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbox import Grid, Schedule
from benchbox.errors import UsageError

Array = NDArray[np.float64]


class Published(Grid):
    """Levels as they were published. A first or last one beyond the schedule's range is moved to its end.

    sigma_max, sigma_min: the first value and the end are moved there, the others in proportion in ln σ. UsageError
    where several levels are beyond the range.
    """

    values: ClassVar[tuple[float, ...]]

    def __call__(self, schedule: Schedule, n_levels: int) -> Array:
        positions = np.linspace(0, len(self.values) - 1, n_levels + 1)
        values = np.exp(np.interp(positions, np.arange(len(self.values)), np.log(self.values)))
        sigmas = self.moved(self.to_sigma(values))[:-1]
        low, high = (float(schedule.sigma(t)) for t in (schedule.t_min, schedule.t_max))
        for beyond, end, option in ((sigmas >= high, high, "sigma_max"), (sigmas <= low, low, "sigma_min")):
            if beyond.sum() > 1:
                raise UsageError(
                    f"grid {self.name} has {beyond.sum()} levels beyond σ = {end:g}, the end of schedule "
                    f"{schedule.name}: move them with --set {self.name}.{option}={end:g}."
                )
        return np.asarray(schedule.time(np.clip(sigmas, low, high)))

    def to_sigma(self, values: Array) -> Array:
        return values

    def moved(self, sigmas: Array) -> Array:
        """The levels with their ends at sigma_max and sigma_min, where these are given."""
        logs = np.log(sigmas)
        first = logs[0] if self.sigma_max is None else np.log(self.sigma_max)
        end = logs[-1] if self.sigma_min is None else np.log(self.sigma_min)
        return np.exp(first + (logs - logs[0]) * (end - first) / (logs[-1] - logs[0]))


@dataclass(frozen=True)
class AYSSD15(Published):
    """Align Your Steps (Sabour et al. 2024, arXiv:2404.14507) for Stable Diffusion 1.5, 10 steps, σ 14.615 to 0.029."""

    name = "ays-sd15"
    aliases = ("align-your-steps",)
    values = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)


@dataclass(frozen=True)
class AYSSDXL(Published):
    """Align Your Steps (Sabour et al. 2024, arXiv:2404.14507) for SDXL, 10 steps, σ from 14.615 to 0.029."""

    name = "ays-sdxl"
    values = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)


@dataclass(frozen=True)
class AYSSVD(Published):
    """Align Your Steps (Sabour et al. 2024, arXiv:2404.14507) for Stable Video Diffusion, 10 steps, σ 700 to 0.002."""

    name = "ays-svd"
    values = (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002)


@dataclass(frozen=True)
class GITSCIFAR10(Published):
    """GITS (Chen et al. 2024, arXiv:2405.11326; their README) for EDM on CIFAR-10, 6 evaluations, σ 80 to 0.002."""

    name = "gits-cifar10"
    values = (80.0, 10.9836, 3.8811, 1.584, 0.5666, 0.1698, 0.002)


@dataclass(frozen=True)
class OSSFlux(Published):
    """Optimal Stepsize (Pei et al. 2025, arXiv:2503.21774) for FLUX, 10 steps; ComfyUI's OptimalStepsScheduler.

    The values are times t of the straight path, σ = t/(1 − t), from 0.9968 to 0.001, and interpolated in ln t.
    """

    name = "oss-flux"
    values = (0.9968, 0.9886, 0.9819, 0.975, 0.966, 0.9471, 0.9158, 0.8287, 0.5512, 0.2808, 0.001)

    def to_sigma(self, values: Array) -> Array:
        return values / (1 - values)
