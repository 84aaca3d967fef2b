"""Samplers: from noise to data along decreasing noise levels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.noise import Noise


class Sampler(ABC):
    """A method that turns noise into data by calling a denoiser; a frozen dataclass whose fields are its options.

    `order` is the claimed order of convergence with respect to intervals, in the sampler's own frame, without the last
    denoise (None: claims none). `evals_per_step` is the number of network evaluations per interval (None: adaptive).
    `biased_by` names the options that change the law of the samples on purpose, for any number of intervals.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    grid: ClassVar[str | None] = None
    needs_grad: ClassVar[bool] = False
    biased_by: ClassVar[tuple[str, ...]] = ()

    @property
    def order(self) -> int | None:
        return None

    @property
    def evals_per_step(self) -> int | None:
        return 1

    @abstractmethod
    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        """Yield the state x = x_0 + σ n at least once per interval, the last time at `grid.sigmas[-1]`.

        x: the start, (batch, *shape), at `grid.sigmas[0]`. `denoise(x, sigma)` is D(x, σ) = E[x_0 | x] for any float
        σ > 0. `noise(sigma, sigma_next)` is a fresh draw from N(0, I) like x, the only source of randomness.
        """

    def finish(self, x: Tensor, grid: Levels, noise: Noise) -> tuple[Tensor, float]:
        """The state and the level σ of the driver's last denoise; by default the last ones, unchanged.

        For a method that adds noise before its last evaluation. It must not call the denoiser.
        """
        return x, grid.sigmas[-1]

    def evals(self, n_levels: int) -> int:
        """The evaluations that the sampler spends on n levels, without the driver's last denoise."""
        if self.evals_per_step is None:
            raise TypeError(f"{self.name} is adaptive: its evaluations are measured, not planned")
        return (n_levels - 1) * self.evals_per_step

    def levels(self, nfe: int) -> int:
        """The largest number of levels whose `evals` do not exceed nfe; 0 where one level already does."""
        if self.evals(1) > nfe:
            return 0
        high = 2
        while self.evals(high) <= nfe:
            high *= 2
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.evals(middle) <= nfe else (low, middle)
        return low
