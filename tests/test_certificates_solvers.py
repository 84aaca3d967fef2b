"""Solvers of inverse problems by strangers: what they do with the noise of the measurement is seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import pytest
import torch
from torch import Tensor

from benchbox import Levels, Sampler, get
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.exact.point_rules import point_law
from benchbox.exact.posed import Posed, half
from benchbox.exact.rules import RuleResult, Trial
from benchbox.exact.solver_rules import SIGMA_Y, solver_certificate
from benchbox.measurement import Measurement
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.problem import Problem


@dataclass(frozen=True)
class Projection(Sampler):
    """Along A's singular vectors the data are those measured, x' = ȳ + √(σ'² − σ_y²/s²) z; a step of DDIM elsewhere."""

    name = "stranger"
    uses_measurement = True

    def check_problem(self, problem: Problem, model: Model) -> None:
        if not problem.linear:
            raise UsageError("only linear problems.")

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        y = denoise.measurement
        assert y is not None
        u, s, v = y.svd(x)
        y_bar = y.y.to(x).flatten(1) @ u / s
        for sigma, sigma_next in pairwise(grid.sigmas):
            d = denoise(x, self.asked(sigma, sigma_next))
            x_bar = y_bar + self.drawn(sigma_next, y, s) * (noise(sigma, sigma_next).flatten(1) @ v)
            x = d.lerp(x, sigma_next / sigma)
            x = x + ((x_bar - x.flatten(1) @ v) @ v.mT).view(x.shape)
            yield x

    def asked(self, sigma: float, sigma_next: float) -> float:
        return sigma

    def drawn(self, sigma: float, y: Measurement, s: Tensor) -> Tensor:
        """The noise that is drawn beside that of y."""
        return (sigma**2 - y.sigma_y**2 / s**2).clamp_min(0).sqrt()


class NoiseOfMeasurementIgnored(Projection):
    def drawn(self, sigma: float, y: Measurement, s: Tensor) -> Tensor:
        return torch.full_like(s, sigma)


class NoiseRefused(NoiseOfMeasurementIgnored):
    """The same, for measurements without noise alone."""

    def check_problem(self, problem: Problem, model: Model) -> None:
        super().check_problem(problem, model)
        if problem.sigma_y:
            raise UsageError("it takes no noise: sigma_y=0.")


class SingularValuesForgotten(Projection):
    """The noise of y where its singular values are 1."""

    def drawn(self, sigma: float, y: Measurement, s: Tensor) -> Tensor:
        return torch.full_like(s, sqrt(max(sigma**2 - y.sigma_y**2, 0)))


class AskedAtTheEnd(Projection):
    def asked(self, sigma: float, sigma_next: float) -> float:
        return sigma_next


def of_a_point(solver: Sampler) -> RuleResult:
    return point_law(Trial.of(Posed(solver, half(SIGMA_Y)), get("schedule", "edm")))


@pytest.mark.parametrize(
    ("slip", "measured"),
    [
        (NoiseOfMeasurementIgnored, r"inpaint, σ_y = 2\.4: at σ = 7\.9\d* the state after one interval is off by"),
        (SingularValuesForgotten, r"random-linear, σ_y = 2\.4: .* the state after one interval is off by"),
        (AskedAtTheEnd, r"at σ = 7\.9\d* the model is asked about a start off by .* of order 1\.0"),
    ],
)
def test_a_slip_with_the_measurement_is_named(slip: type[Sampler], measured: str) -> None:
    result = of_a_point(slip())
    assert result.passed is False
    assert re.search(measured, result.measured), result.measured


@pytest.mark.parametrize("solver", [Projection, NoiseRefused])
def test_what_has_no_slip_passes(solver: type[Sampler]) -> None:
    assert of_a_point(solver()).passed
    assert not solver_certificate(solver()).failures
