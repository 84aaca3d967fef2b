"""The discrete schedule of the DDPM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchbox.schedule import DiscreteSchedule


@dataclass(frozen=True)
class DDPM(DiscreteSchedule):
    """ᾱ_k = Π(1 − β_i), β linear over T points (Ho et al. 2020, arXiv:2006.11239, §4).

    Between the points k/T, log σ is linear in t. For another T, the β are scaled by 1000/T (Nichol & Dhariwal's code),
    which keeps the end points.
    """

    name = "ddpm"
    beta_min: float = 1e-4
    beta_max: float = 0.02
    steps: int = 1000

    def __post_init__(self) -> None:
        if self.steps < 2 or not 0 < self.beta_min <= self.beta_max < self.steps / 1000:
            raise ValueError("every β, scaled by 1000/steps, must be above 0 and below 1, and steps at least 2.")

    @cached_property
    def log_sigmas(self) -> NDArray[np.float64]:
        betas = np.linspace(self.beta_min, self.beta_max, self.steps) * (1000 / self.steps)
        return 0.5 * np.log(np.expm1(-np.cumsum(np.log1p(-betas))))
