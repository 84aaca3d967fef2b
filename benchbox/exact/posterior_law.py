"""The law of the samples of an inverse problem on Gaussian data, by one-hot draws through the ordinary driver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.law import Scripted, last
from benchbox.gaussians import posterior_of, root_of
from benchbox.grid import Levels
from benchbox.guidance import Guidance, guided
from benchbox.measurement import Measurements
from benchbox.models.analytic import FloatVector
from benchbox.models.gaussian import Gaussian
from benchbox.sampler import Sampler

ESTIMATE_SAMPLES = 4096
"""From which the law is estimated where the output is not affine in the draws."""

AFFINE = 1e-6
"""Largest relative error of the superposition of an affine output: conjugate gradients in mmps stop at rounding."""

MeanCovariance = tuple[FloatVector, FloatVector]
"""Mean and covariance."""

Script = Callable[[int], Tensor]
"""The number of a draw to the draw."""


@dataclass(frozen=True)
class Outputs:
    """The output of a run for one measurement: offset + Σ_k W_k z_k of its draws, z_0 the unit start.

    Or its moments, estimated, where it is not affine in them.
    """

    offset: FloatVector
    weights: FloatVector
    start_std: float
    estimated: MeanCovariance | None = None

    def moments(self, start: MeanCovariance | None = None) -> MeanCovariance:
        """Of the output, from a start of this mean and covariance (None: the schedule's own)."""
        if self.estimated is not None:
            return self.estimated
        first, rest = self.weights[0], self.weights[1:]
        mean, covariance = (np.zeros(len(first)), self.start_std**2 * np.eye(len(first))) if start is None else start
        gain = first / self.start_std
        return self.offset + gain @ mean, gain @ covariance @ gain.T + np.einsum("kij,klj->il", rest, rest)


@dataclass(frozen=True)
class PosteriorRuns:
    """Runs of a sampler on Gaussian data for one measurement, number j."""

    sampler: Sampler
    model: Gaussian
    measurements: Measurements
    j: int
    known: dict[Any, Outputs] = field(default_factory=dict, compare=False)

    @cached_property
    def posterior(self) -> MeanCovariance:
        exact = posterior_of(self.model, self.measurements.problem, torch.device("cpu"))
        mean, covariance = exact.moments(self.measurements.y[self.j : self.j + 1])
        return mean[0].numpy(), covariance[0].numpy()

    def noised(self, sigma: float) -> MeanCovariance:
        """The exact law of x at σ."""
        mean, covariance = self.posterior
        return mean, covariance + sigma**2 * np.eye(len(mean))

    def finished(self, levels: Levels, final: str) -> MeanCovariance:
        """The exact law at σ_N after the oracle's last denoise, x ↦ m + S (S + σ²)⁻¹ (x − m), where there is one."""
        mean, total = self.noised(levels.sigmas[-1])
        if final == "none":
            return mean, total
        shrink = self.posterior[1] @ np.linalg.inv(total)
        return mean, shrink @ total @ shrink.T

    def run(self, guidance: Guidance, levels: Levels, script: Script, rows: int, final: str) -> tuple[FloatVector, int]:
        """The last states of so many samples whose draws are given, (rows, dim), and the number of draws."""
        denoise, noise = Denoiser(self.model, torch.device("cpu"), torch.float64), Scripted(script)
        denoise.pose(self.measurements)
        denoise.at(torch.full((rows,), self.j))
        states = trajectory(self.sampler, guided(guidance, denoise, levels), levels, noise, final)
        return last(states).flatten(1).numpy(), noise.draws

    def outputs(
        self, guidance: Guidance, levels: Levels, final: str = "none", start: MeanCovariance | None = None
    ) -> Outputs:
        """The output as a function of its draws. start: of the estimate, where it is not affine."""
        key = guidance, levels, final
        if key not in self.known:
            self.known[key] = self.by_one_hot_draws(guidance, levels, final, start)
        return self.known[key]

    def by_one_hot_draws(self, guidance: Guidance, levels: Levels, final: str, start: MeanCovariance | None) -> Outputs:
        dim, shape = self.model.spectrum.size, self.model.shape
        draws = self.run(guidance, levels, lambda k: torch.zeros(1, *shape, dtype=torch.float64), 1, final)[1]
        probe = np.random.default_rng(0).standard_normal((draws, dim))

        def one_hot(k: int) -> Tensor:
            z = np.zeros((draws * dim + 2, dim))
            z[1 + k * dim : 1 + (k + 1) * dim], z[-1] = np.eye(dim), probe[k]
            return torch.as_tensor(z).view(-1, *shape)

        out = self.run(guidance, levels, one_hot, draws * dim + 2, final)[0]
        weights = (out[1:-1] - out[0]).reshape(draws, dim, dim).transpose(0, 2, 1)
        off = out[-1] - out[0] - np.einsum("kij,kj->i", weights, probe)
        affine = np.abs(off).max() <= AFFINE * max(np.abs(out).max(), 1)
        estimated = None if affine else self.estimate(guidance, levels, final, start)
        return Outputs(out[0], weights, levels.start_std, estimated)

    def estimate(self, guidance: Guidance, levels: Levels, final: str, start: MeanCovariance | None) -> MeanCovariance:
        """The moments of `ESTIMATE_SAMPLES` samples."""
        rng = np.random.default_rng(1)

        def script(k: int) -> Tensor:
            z = rng.standard_normal((ESTIMATE_SAMPLES, self.model.spectrum.size))
            if k == 0 and start is not None:
                z = (start[0] + z @ root_of(start[1])) / levels.start_std
            return torch.as_tensor(z).view(-1, *self.model.shape)

        out = self.run(guidance, levels, script, ESTIMATE_SAMPLES, final)[0]
        return out.mean(0), np.cov(out.T)
