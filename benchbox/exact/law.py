"""The exact law of a sampler on Gaussian data: one-hot draws through the ordinary driver."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.grid import Levels
from benchbox.model import Model
from benchbox.models.analytic import FloatVector
from benchbox.models.gaussian import Gaussian
from benchbox.noise import Noise
from benchbox.sampler import Sampler

PropagationTick = Callable[[int, int], None]
"""(rows done, rows in all)."""

STATE_NUMBERS = 1 << 16
"""Numbers in one state: rows are propagated in chunks that stay in the processor's cache."""

EXACT = 1e-9
"""Largest relative error of an affine, coordinate-blind sampler in float64."""


class Scripted(Noise):
    """A noise source that hands out what it is told: script(k) is the k-th draw, of which the start is number 0."""

    def __init__(self, script: Callable[[int], Tensor]) -> None:
        self.script, self.draws = script, 0

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        self.draws += 1
        return self.script(self.draws - 1)


@dataclass(frozen=True)
class Law:
    """The output per eigen-direction, offset + gain z_0 + Σ c_k z_k: z_0 a unit start, `noise` the sum of the c_k²."""

    offset: FloatVector
    gain: FloatVector
    noise: FloatVector
    start_std: float
    draws: int
    nfe: float

    def moments(self, start: tuple[FloatVector, FloatVector] | None = None) -> tuple[FloatVector, FloatVector]:
        """Mean and variance per eigen-direction from a start of this mean and variance (None: the schedule's own)."""
        if start is None:
            return self.offset, self.gain**2 + self.noise
        scale = self.gain / self.start_std
        return self.offset + scale * start[0], scale**2 * start[1] + self.noise

    def w2(
        self, target: tuple[FloatVector, FloatVector], start: tuple[FloatVector, FloatVector] | None = None
    ) -> float:
        """W2 between the output's law and a Gaussian of this mean and variance in the same eigenbasis."""
        return w2(self.moments(start), target)


def w2(a: tuple[FloatVector, FloatVector], b: tuple[FloatVector, FloatVector]) -> float:
    """W2 between Gaussians that share eigenvectors, each given by mean and variance (MATH: Gaussian data)."""
    return float(np.sqrt(np.sum((a[0] - b[0]) ** 2) + np.sum((np.sqrt(a[1]) - np.sqrt(b[1])) ** 2)))


def noised(model: Gaussian, sigma: float) -> tuple[FloatVector, FloatVector]:
    """Mean and variance of x = x_0 + σ n per eigen-direction."""
    mean = np.broadcast_to(model.center, model.spectrum.shape)
    return mean, model.spectrum + sigma**2


def last(states: Iterator[Tensor]) -> Tensor:
    """The sample at the end of a trajectory."""
    return deque(states, maxlen=1)[0]


def scripted_output(
    sampler: Sampler,
    model: Model | Denoiser,
    levels: Levels,
    script: Callable[[int], Tensor],
    final: str = "none",
    steps: int | None = None,
) -> tuple[FloatVector, int]:
    """The samples of a scripted run, (rows, dim), and the number of draws, the start included.

    steps: the run is left after so many states (None: at its end).
    """
    denoise = model if isinstance(model, Denoiser) else Denoiser(model, torch.device("cpu"), torch.float64)
    noise = Scripted(script)
    states = trajectory(sampler, denoise, levels, noise, final)
    x = last(states if steps is None else islice(states, steps + 1))
    return x.flatten(1).double().numpy(), noise.draws


def propagate(
    sampler: Sampler,
    model: Gaussian,
    levels: Levels,
    final: str = "none",
    denoise: Denoiser | None = None,
    tick: PropagationTick = lambda done, total: None,
    steps: int | None = None,
) -> Law:
    """The law of an affine sampler by one-hot draws: the output of a unit draw, less that of no draws, is its weight.

    A first run counts the draws. denoise: what the sampler is given in place of the model's own denoiser.
    steps: the law after so many states, in place of the last one.
    """
    denoise = denoise or Denoiser(model, torch.device("cpu"), torch.float64)
    denoise.reset()
    zeros = torch.zeros(1, *model.shape, dtype=torch.float64)
    offset, draws = scripted_output(sampler, denoise, levels, lambda k: zeros.clone(), final, steps)
    nfe, size = denoise.rows, max(1, STATE_NUMBERS // zeros.numel())
    gain, noise = np.zeros(zeros.numel()), np.zeros(zeros.numel())
    for first in range(0, draws, size):
        rows = range(first, min(first + size, draws))
        weights = scripted_output(sampler, denoise, levels, one_hot(rows, zeros), final, steps)[0]
        weights = weights[1:] - weights[0]
        if first == 0:
            gain, weights = weights[0], weights[1:]
        noise = noise + np.square(weights).sum(0)
        tick(rows.stop, draws)
    return Law(offset[0], gain, noise, levels.start_std, draws - 1, nfe)


def one_hot(rows: range, zeros: Tensor) -> Callable[[int], Tensor]:
    """Row 0 of each draw is zero, and row k + 1 is one where the draw is the k-th of these."""

    def script(k: int) -> Tensor:
        z = zeros.repeat(len(rows) + 1, *[1] * (zeros.ndim - 1))
        if k in rows:
            z[k - rows.start + 1] = 1
        return z

    return script
