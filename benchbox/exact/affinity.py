"""Whether the exact law of a sampler can be propagated: affine in its draws, and the same in all coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchbox.exact.law import EXACT, scripted_output
from benchbox.grid import Levels
from benchbox.model import Jump, Jumps, Model
from benchbox.models.analytic import FloatVector
from benchbox.models.gaussian import Gaussian
from benchbox.sampler import Sampler


def superposition_error(sampler: Sampler, model: Model, levels: Levels, final: str = "none") -> float:
    """How far the output is from affine in all draws: f(a+b) − f(a) − f(b) + f(0) and f(2a) − 2f(a) + f(0), relative.

    Each is a run of its own, so that a rule that couples the samples of a batch does not pass for an affine one.
    """

    def f(a: float, b: float) -> FloatVector:
        rng = np.random.default_rng(0)

        def script(k: int) -> Tensor:
            u, v = rng.standard_normal((2, 1, *model.shape))
            return torch.as_tensor(a * u + b * v)

        return scripted_output(sampler, model, levels, script, final)[0]

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

    @property
    def jumps(self) -> Jumps | None:
        return self.model.jumps

    @property
    def denoises(self) -> bool:
        return True

    def draw(self, n: int, seed: int) -> Tensor:
        return (self.model.draw(n, seed).flatten(1) @ self.turn.mT.to(self.model.draw(1, 0))).view(-1, *self.shape)

    def denoiser(self, device: torch.device) -> Callable[[Tensor, float], Tensor]:
        return self.turned(self.model.denoiser(device))

    def jump(self, device: torch.device) -> Jump:
        return self.turned(self.model.jump(device))

    def turned(self, call: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The same call in these coordinates."""

        def in_turned(x: Tensor, *levels: float) -> Tensor:
            inner = call((x.flatten(1) @ self.turn).view(x.shape), *levels)
            return (inner.flatten(1) @ self.turn.mT).view(x.shape)

        return in_turned


def turning_error(sampler: Sampler, model: Gaussian, levels: Levels, turn: FloatVector, final: str = "none") -> float:
    """How far turning data and draws is from turning the samples, relative: 0 where coordinates are treated alike."""
    q = torch.as_tensor(turn)

    def run(turned: bool) -> FloatVector:
        rng = np.random.default_rng(1)

        def script(k: int) -> Tensor:
            z = torch.as_tensor(rng.standard_normal((3, model.spectrum.size)))
            return (z @ q.mT if turned else z).view(3, *model.shape)

        return scripted_output(sampler, Turned(model, q) if turned else model, levels, script, final)[0]

    straight, turned = run(False) @ turn.T, run(True)
    return float(np.abs(straight - turned).max() / np.abs(straight).max())


def turns(dim: int) -> dict[str, FloatVector]:
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
