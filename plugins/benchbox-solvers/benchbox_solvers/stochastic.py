"""The common options of stochastic samplers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchbox import Sampler


@dataclass(frozen=True)
class Stochastic(Sampler):
    """A stochastic sampler: eta = 1 is the noise of the reverse SDE, eta = 0 none; s_noise is a factor of it."""

    biased_by: ClassVar[tuple[str, ...]] = ("s_noise",)
    eta: float = 1.0
    s_noise: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1 or self.s_noise < 0:
            raise ValueError(
                f"eta must be between 0 and 1 and s_noise at least 0, not {self.eta:g} and {self.s_noise:g}."
            )
