"""The exact law of a black-box sampler on Gaussian data: one-hot draws through the ordinary driver."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.grid import Levels
from benchbox.model import Model
from benchbox.models.gaussian import Gaussian
from benchbox.noise import Noise
from benchbox.sampler import Sampler

Array = NDArray[np.float64]
Tick = Callable[[int, int], None]
"""(rows done, rows in all)."""

CHUNK = 1 << 16
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

    offset: Array
    gain: Array
    noise: Array
    start_std: float
    draws: int
    nfe: float

    def moments(self, start: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
        """Mean and variance per eigen-direction from a start of this mean and variance (None: the schedule's own)."""
        if start is None:
            return self.offset, self.gain**2 + self.noise
        scale = self.gain / self.start_std
        return self.offset + scale * start[0], scale**2 * start[1] + self.noise

    def w2(self, target: tuple[Array, Array], start: tuple[Array, Array] | None = None) -> float:
        """W2 between the output's law and a Gaussian of this mean and variance in the same eigenbasis."""
        return w2(self.moments(start), target)


def w2(a: tuple[Array, Array], b: tuple[Array, Array]) -> float:
    """W2 between Gaussians that share eigenvectors, each given by mean and variance (MATH: Gaussian data)."""
    return float(np.sqrt(np.sum((a[0] - b[0]) ** 2) + np.sum((np.sqrt(a[1]) - np.sqrt(b[1])) ** 2)))


def noised(model: Gaussian, sigma: float) -> tuple[Array, Array]:
    """Mean and variance of x = x_0 + σ n per eigen-direction."""
    mean = np.broadcast_to(model.center, model.spectrum.shape)
    return mean, model.spectrum + sigma**2


def last(states: Iterator[Tensor]) -> Tensor:
    """The sample at the end of a trajectory."""
    return deque(states, maxlen=1)[0]


def output(
    sampler: Sampler, model: Model | Denoiser, levels: Levels, script: Callable[[int], Tensor], final: str = "none"
) -> tuple[Array, int]:
    """The samples of a scripted run, (rows, dim), and the number of draws, the start included."""
    denoise = model if isinstance(model, Denoiser) else Denoiser(model, torch.device("cpu"), torch.float64)
    noise = Scripted(script)
    x = last(trajectory(sampler, denoise, levels, noise, final))
    return x.flatten(1).double().numpy(), noise.draws


def propagate(
    sampler: Sampler,
    model: Gaussian,
    levels: Levels,
    final: str = "none",
    denoise: Denoiser | None = None,
    tick: Tick = lambda done, total: None,
) -> Law:
    """The law of an affine sampler by one-hot draws: the output of a unit draw, less that of no draws, is its weight.

    A first run counts the draws. denoise: what the sampler is given in place of the model's own denoiser.
    """
    denoise = denoise or Denoiser(model, torch.device("cpu"), torch.float64)
    denoise.reset()
    zeros = torch.zeros(1, *model.shape, dtype=torch.float64)
    offset, draws = output(sampler, denoise, levels, lambda k: zeros.clone(), final)
    nfe, size = denoise.rows, max(1, CHUNK // zeros.numel())
    gain, noise = np.zeros(zeros.numel()), np.zeros(zeros.numel())
    for first in range(0, draws, size):
        rows = range(first, min(first + size, draws))
        weights = output(sampler, denoise, levels, _one_hot(rows, zeros), final)[0]
        weights = weights[1:] - weights[0]
        if first == 0:
            gain, weights = weights[0], weights[1:]
        noise = noise + np.square(weights).sum(0)
        tick(rows.stop, draws)
    return Law(offset[0], gain, noise, levels.start_std, draws - 1, nfe)


def _one_hot(rows: range, zeros: Tensor) -> Callable[[int], Tensor]:
    """Row 0 of each draw is zero, and row k + 1 is one where the draw is the k-th of these."""

    def script(k: int) -> Tensor:
        z = zeros.repeat(len(rows) + 1, *[1] * (zeros.ndim - 1))
        if k in rows:
            z[k - rows.start + 1] = 1
        return z

    return script


def superposition_error(sampler: Sampler, model: Model, levels: Levels, final: str = "none") -> float:
    """How far the output is from affine in all draws: f(a+b) − f(a) − f(b) + f(0) and f(2a) − 2f(a) + f(0), relative.

    Each is a run of its own, so that a rule that couples the samples of a batch does not pass for an affine one.
    """

    def f(a: float, b: float) -> Array:
        rng = np.random.default_rng(0)

        def script(k: int) -> Tensor:
            u, v = rng.standard_normal((2, 1, *model.shape))
            return torch.as_tensor(a * u + b * v)

        return output(sampler, model, levels, script, final)[0]

    zero, one = f(0, 0), f(1, 0)
    defects = np.array([f(1, 1) - one - f(0, 1) + zero, f(2, 0) - 2 * one + zero])
    return float(np.abs(defects).max() / max(np.abs(one).max(), np.abs(zero).max(), 1e-300))


@dataclass(frozen=True)
class Turned(Model):
    """A Gaussian in other coordinates: D(x) = Q D_0(Qᵀ x)."""

    model: Gaussian
    turn: Tensor
    name = "turned"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.model.shape

    def denoiser(self, device: torch.device) -> Callable[[Tensor, float], Tensor]:
        inner, q = self.model.denoiser(device), self.turn

        def denoise(x: Tensor, sigma: float) -> Tensor:
            d = inner((x.flatten(1) @ q).view(x.shape), sigma)
            return (d.flatten(1) @ q.mT).view(x.shape)

        return denoise


def turning_error(sampler: Sampler, model: Gaussian, levels: Levels, turn: Array, final: str = "none") -> float:
    """How far turning data and draws is from turning the samples, relative: 0 where coordinates are treated alike."""
    q = torch.as_tensor(turn)

    def run(turned: bool) -> Array:
        rng = np.random.default_rng(1)

        def script(k: int) -> Tensor:
            z = torch.as_tensor(rng.standard_normal((3, model.spectrum.size)))
            return (z @ q.mT if turned else z).view(3, *model.shape)

        return output(sampler, Turned(model, q) if turned else model, levels, script, final)[0]

    straight, turned = run(False) @ turn.T, run(True)
    return float(np.abs(straight - turned).max() / np.abs(straight).max())


def turns(dim: int) -> dict[str, Array]:
    """A permutation and a rotation of the coordinates."""
    rng = np.random.default_rng(2)
    return {
        "permutation": np.eye(dim)[np.roll(np.arange(dim), 1)],
        "rotation": np.linalg.qr(rng.standard_normal((dim, dim)))[0],
    }


def why_not_exact(sampler: Sampler, model: Gaussian, levels: Levels, final: str = "none") -> str | None:
    """None where `propagate` holds for the sampler; otherwise what was detected that forbids it."""
    error = superposition_error(sampler, model, levels, final)
    if not error <= EXACT:
        return f"not affine in its start and noises (superposition off by {error:.1e})"
    for name, turn in turns(model.spectrum.size).items() if model.spectrum.size <= 512 else ():
        error = turning_error(sampler, model, levels, turn, final)
        if not error <= EXACT:
            return f"does not treat coordinates alike ({name} off by {error:.1e})"
    return None
