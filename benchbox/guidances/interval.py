"""A guidance with a scale that acts between two noise levels alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchbox.guidance import Guidance


@dataclass(frozen=True)
class Scaled(Guidance):
    """A guidance of strength `scale` where sigma_low < σ ≤ sigma_high, and none elsewhere.

    The interval is that of Kynkäänniemi et al. 2024, arXiv:2404.07724, in σ.
    """

    scale: float = 1.5
    sigma_low: float = 0.0
    sigma_high: float = math.inf

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale):
            raise ValueError("scale must be a finite number.")
        if not 0 <= self.sigma_low < self.sigma_high:
            raise ValueError("the interval needs 0 ≤ sigma_low < sigma_high.")

    @property
    def jumps(self) -> tuple[float, ...]:
        return tuple(sigma for sigma in (self.sigma_low, self.sigma_high) if 0 < sigma < math.inf)

    def acts(self, sigma: float) -> bool:
        """Whether σ is in the interval."""
        return self.sigma_low < sigma <= self.sigma_high

    def cost(self, sigma: float) -> int:
        return 2 if self.acts(sigma) else 1
