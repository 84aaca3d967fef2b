"""The options that the noisy samplers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchbox import Sampler


@dataclass(frozen=True)
class Stochastic(Sampler):
    """A sampler with noise: eta = 1 that of the reverse SDE, eta = 0 none; s_noise multiplies it."""

    biased_by: ClassVar[tuple[str, ...]] = ("s_noise",)
    eta: float = 1.0
    s_noise: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1 or self.s_noise < 0:
            given = f"they are {self.eta:g} and {self.s_noise:g}"
            raise ValueError(f"eta must be between 0 and 1 and s_noise not negative; {given}.")
