"""Construction of diffusers' schedulers with the noise levels and the noise of a run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from benchbox.noise import Noise


def make(name: str, options: Mapping[str, Any]) -> Any:
    """A scheduler by name, with the options that it supports."""
    import diffusers

    cls = getattr(diffusers, name)
    known = inspect.signature(cls.__init__).parameters
    scheduler = cls(**{option: value for option, value in options.items() if option in known})
    if hasattr(scheduler, "_threshold_sample"):
        scheduler._threshold_sample = for_any_shape(scheduler._threshold_sample)
    return scheduler


def for_any_shape(threshold: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Dynamic thresholding over all numbers of a sample, for any shape; diffusers fails for vectors."""
    return lambda x: threshold(x.flatten(1)[:, None]).reshape(x.shape) if len(x) else x


def set_table(scheduler: Any, sigmas: NDArray[np.float64]) -> None:
    """Replace the levels of the scheduler's training steps by these increasing levels, in float64."""
    import torch

    sigma = torch.from_numpy(sigmas)
    alphas_cumprod = 1 / (1 + sigma**2)
    alphas = alphas_cumprod / torch.cat([torch.ones(1, dtype=torch.float64), alphas_cumprod[:-1]])
    table = {
        "alphas_cumprod": alphas_cumprod, "alphas": alphas, "betas": 1 - alphas, "sigmas": sigma,
        "alpha_t": alphas_cumprod.sqrt(), "sigma_t": sigma * alphas_cumprod.sqrt(), "lambda_t": -sigma.log(),
    }  # fmt: skip
    for attribute in table.keys() & vars(scheduler).keys():
        setattr(scheduler, attribute, table[attribute])


def feed(scheduler: Any, draw: Callable[..., Tensor]) -> None:
    """Replace the step methods of this scheduler by copies whose `randn_tensor` is `draw`. diffusers is not changed."""
    for name in ("step", "step_pred", "step_correct"):
        method = getattr(type(scheduler), name, None)
        if method is not None:
            names = {**method.__globals__, "randn_tensor": draw}
            step = FunctionType(method.__code__, names, name, method.__defaults__, method.__closure__)
            step.__kwdefaults__ = method.__kwdefaults__
            setattr(scheduler, name, MethodType(step, scheduler))


class Brownian:
    """Brownian motion in σ, for schedulers that ask for its increments. Nested increments are consistent."""

    def __init__(self, noise: Noise) -> None:
        self.noise = noise
        self.start = self.end = math.nan

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        """The increment from σ to σ', divided by √(σ − σ')."""
        sigma, sigma_next = float(sigma), float(sigma_next)
        if not math.isclose(sigma, self.start, rel_tol=1e-5):
            self.start = self.end = sigma
            self.sum: Any = 0.0
        self.sum = self.sum + self.noise(self.end, sigma_next) * math.sqrt(self.end - sigma_next)
        self.end = sigma_next
        return self.sum / math.sqrt(self.start - sigma_next)
