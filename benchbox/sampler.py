"""Samplers: from noise to data along decreasing noise levels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from math import sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from benchbox.model import Jumps

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.model import Model
    from benchbox.noise import Noise
    from benchbox.problem import Problem


class Sampler(ABC):
    """A method that turns noise into data by calling a denoiser; a frozen dataclass whose fields are its options.

    `order` is the claimed order of convergence with respect to intervals, in the sampler's own frame, without the last
    denoise (None: claims none). `evals_per_step` is the number of network evaluations per interval (None: adaptive).
    `biased_by` names the options that change the law of the samples on purpose, for any number of intervals.
    `uses_measurement` is True for a method that solves inverse problems: it finds `denoise.measurement`. `uses_jumps`
    is the kind of jump that a few-step method asks of a model, by `denoise.jump(x, sigma, sigma_next)`; its last
    evaluation is then a jump to the data, not a denoise. Its `continuous_limit` is False where its target moves with
    the number of steps. `one_level` is True for a chain at the last level, which does not pass through the laws of the
    others.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    grid: ClassVar[str | None] = None
    needs_grad: ClassVar[bool] = False
    biased_by: ClassVar[tuple[str, ...]] = ()
    continuous_limit: ClassVar[bool] = True
    uses_measurement: ClassVar[bool] = False
    one_level: ClassVar[bool] = False
    uses_jumps: ClassVar[Jumps | None] = None

    @property
    def order(self) -> int | None:
        return None

    @property
    def evals_per_step(self) -> int | None:
        return 1

    def check_problem(self, problem: Problem, model: Model) -> None:  # noqa: B027 (some take any)
        """Raise UsageError, before any work, where the sampler cannot use a measurement of this problem."""

    def check(self, model: Model) -> None:  # noqa: B027 (most samplers ask nothing special of a model)
        """Raise UsageError, before any work, where the sampler cannot be used on the model."""

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


Slope = Callable[[Any, "Tensor"], "Tensor"]
"""(t, y) to dy/dt."""


def euler(denoised: Tensor, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """Euler's step on dx/dσ = (x − D)/σ from σ to σ': x + (σ' − σ)(x − D)/σ = D + (σ'/σ)(x − D), a new tensor.

    DDIM with η = 0 (Song, Meng & Ermon 2021, arXiv:2010.02502, eq. 13; Karras et al. 2022, arXiv:2206.00364, eq. 3).
    """
    return denoised.lerp(x, sigma_next / sigma)


def ancestral_step(sigma: float, sigma_next: float, eta: float = 1.0) -> tuple[float, float]:
    """sigma_down and sigma_up: a step goes down to σ_down, and noise of standard deviation σ_up leads up to σ'.

    σ_up = η σ' √(1 − σ'²/σ²) and σ_down² = σ'² − σ_up². At η = 1 this is the DDPM's posterior
    (Song, Meng & Ermon 2021, arXiv:2010.02502, eq. 16; k-diffusion, get_ancestral_step).
    """
    ratio = sigma_next / sigma
    # written as a sum: σ'² − σ_up² would lose all digits by cancellation where σ' is far below σ
    return sigma_next * sqrt((1 - eta) * (1 + eta) + (eta * ratio) ** 2), eta * sigma_next * sqrt(1 - ratio**2)


def rk4(slope: Slope, y: Tensor, t: float, t_next: float) -> Tensor:
    """A step of the classical Runge–Kutta method (Kutta 1901)."""
    h = t_next - t
    k1 = slope(t, y)
    k2 = slope(t + h / 2, y + h / 2 * k1)
    k3 = slope(t + h / 2, y + h / 2 * k2)
    k4 = slope(t_next, y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
