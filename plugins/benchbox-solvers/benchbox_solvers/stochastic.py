"""What the noisy samplers share: how much noise, and where a step goes before it is added."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
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


def down_up(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """The level that a step goes down to, and the standard deviation of the noise that brings it up to sigma_next.

    At η = 1 as much as the DDPM's posterior has (Song et al. 2020, eq. 16; k-diffusion, get_ancestral_step).
    """
    up = eta * sigma_next * sqrt(1 - (sigma_next / sigma) ** 2)
    return sqrt(sigma_next**2 - up**2), up
