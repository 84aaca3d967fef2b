"""The straight path of flow matching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchbox.schedule import Floats, Schedule


@dataclass(frozen=True)
class Flow(Schedule):
    """y = (1−t) x_0 + t n: s = 1−t, σ = t/(1−t), up to a cap of σ.

    Flow matching (Lipman et al. 2023, arXiv:2210.02747), rectified flow (Liu et al. 2023, arXiv:2209.03003).

    σ is infinite at t = 1; starting at `sigma_max` from N(0, σ²) in x costs a relative error σ_data²/(2σ_max²).
    """

    name = "flow"
    sigma_max: float = 200.0
    t_min: float = 1e-3

    @property
    def t_max(self) -> float:
        return self.sigma_max / (1 + self.sigma_max)

    def scale(self, t: Floats) -> Floats:
        return 1 - np.asarray(t)[()]

    def sigma(self, t: Floats) -> Floats:
        return np.asarray(t)[()] / (1 - np.asarray(t)[()])

    def time(self, sigma: Floats) -> Floats:
        return np.asarray(sigma)[()] / (1 + np.asarray(sigma)[()])

    def dlog_scale(self, t: Floats) -> Floats:
        return -1 / (1 - np.asarray(t)[()])

    def dsigma(self, t: Floats) -> Floats:
        return 1 / (1 - np.asarray(t)[()]) ** 2

    def start_std(self, t: Floats) -> Floats:
        return self.sigma(t)
