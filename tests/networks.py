"""Networks of exact Gaussian data: every output type under every native schedule, from one closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import benchbox
from benchbox.grid import Levels
from benchbox.model import Model, Prediction
from benchbox.noise import Noise
from benchbox.prediction import edm_coefficients
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

MEAN = (1.0, -1.0, 0.5, 0.0)
EIGENVALUES = (4.0, 1.0, 0.25, 0.04)
PRESERVING = ("ddpm", "cosine", "vp")
VP: Schedule = benchbox.get("schedule", "vp")
SCHEDULES = ("ddpm", "cosine", "vp", "subvp", "ve", "brownian", "edm", "flow")


def exact(x: Tensor, sigma: float) -> Tensor:
    """D(x, σ) of N(MEAN, diag EIGENVALUES)."""
    mu, lam = x.new_tensor(MEAN), x.new_tensor(EIGENVALUES)
    return mu + lam / (lam + sigma**2) * (x - mu)


@dataclass(frozen=True)
class ExactNetwork(Model):
    """A network that was trained perfectly: it puts out `predicts` of y at its own time on its own schedule."""

    name = "exact-network"
    predicts: Prediction = "eps"
    native: Schedule = VP
    between: bool = True
    sigma_data = 0.5

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(MEAN),)

    @property
    def schedule(self) -> Schedule:
        return self.native

    @property
    def prediction(self) -> Prediction:
        return self.predicts

    @property
    def continuous(self) -> bool:
        return self.between

    def frame(self, t: Tensor) -> tuple[float, float]:
        """s and σ at the time that the network is told."""
        time, steps = float(t[0]), self.native.steps
        if self.predicts == "edm":
            return 1.0, math.exp(4 * time)
        if steps is not None:
            assert self.between or t.dtype == torch.int64
            time = (time + 1) / steps
        return float(self.native.scale(time)), float(self.native.sigma(time))

    def network(self, device: Any) -> Callable[..., Tensor]:
        def network(y: Tensor, t: Tensor) -> Tensor:
            s, sigma = self.frame(t)
            c_skip, c_out, c_in = edm_coefficients(sigma, self.sigma_data)
            x = y / (c_in if self.predicts == "edm" else s)
            denoised = exact(x, sigma)
            n = (x - denoised) / sigma
            outputs: dict[str, Tensor] = {
                "eps": n,
                "x0": denoised,
                "score": -n / (s * sigma),
                "v": s * n - s * sigma * denoised,
                "flow": n - denoised,
                "edm": (denoised - c_skip * x) / c_out,
            }
            return outputs[self.predicts]

        return network


@dataclass(frozen=True)
class StartedLevels(Levels):
    """Levels whose start has a given standard deviation, whatever the schedule."""

    std: float = 1.0

    @property
    def start_std(self) -> float:
        return self.std


def levels(schedule: Schedule | str, sigmas: tuple[float, ...], std: float | None = None) -> Levels:
    """Levels on a schedule, at the very same σ on each, with a start of standard deviation std (None: σ_1)."""
    chosen: Schedule = benchbox.get("schedule", schedule) if isinstance(schedule, str) else schedule
    times = tuple(float(chosen.time(sigma)) for sigma in sigmas)
    return StartedLevels(chosen, times, sigmas, std or sigmas[0])


def sampler(name: str, **options: Any) -> Sampler:
    found: Sampler = benchbox.get("sampler", name, **options)
    return found


def label(name: str, options: dict[str, Any]) -> str:
    return " ".join([name, *(f"{k}={v}" for k, v in options.items())])


class OneHot(Noise):
    """Row 0 gets no noise, row 1 a unit start, row k + 1 the unit k-th draw after it, in every coordinate."""

    def __init__(self, rows: int, shape: tuple[int, ...]) -> None:
        super().__init__(0, 0, rows, shape, dtype=torch.float64)
        self.n = rows

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        self.draws += 1
        z = torch.zeros(self.n, *self.shape, dtype=torch.float64)
        if self.draws < self.n:
            z[self.draws] = 1.0
        return z
