"""Levels from a solver's coefficients alone (DMN: Xue et al. 2024, arXiv:2402.17376)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, minimize
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import mode
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule
from benchbox.tuning.same_noise import Starts, levels_of

Vector = NDArray[np.float64]


class OneHot:
    """A denoiser whose n-th output is the n-th unit vector."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.calls += 1
        return torch.nn.functional.one_hot(torch.tensor([self.calls - 1]), x.shape[1]).to(x.dtype)


def coefficients(sampler: Sampler, schedule: Schedule, sigmas: Sequence[float], sigma_end: float) -> Vector:
    """The weight of each D_n in the state at sigma_end, to which a DDIM step leads from the last of the levels.

    The sampler must evaluate once at each level and be linear in what it is told.
    """
    n, one_hot = len(sigmas), OneHot()
    levels, zeros = levels_of(schedule, sigmas), torch.zeros(1, n, dtype=torch.float64)
    with mode(sampler):
        *_, x = [zeros, *sampler(cast(Denoiser, one_hot), zeros, levels, Starts(zeros, sampler.name))]
    shrink = sigma_end / sigmas[-1]
    weights = shrink * x[0].numpy()
    weights[-1] += 1 - shrink
    return weights


def error_bound(sampler: Sampler, schedule: Schedule, sigmas: Sequence[float], sigma_end: float, latent: bool) -> float:
    """Σ |c_n| e(σ_n), with e(σ) the size of the network's error in D; of latents e = σ²/√(1+σ²), of pixels σ.

    The paper's data_err of a variance-preserving schedule, σ²/α and σ/α, in the coordinates x = x_0 + σ n.
    """
    sigma = np.asarray(sigmas)
    errors = sigma**2 / np.sqrt(1 + sigma**2) if latent else sigma
    return float(np.abs(coefficients(sampler, schedule, sigmas, sigma_end)) @ errors) / sigma_end


def dmn_levels(
    sampler: Sampler, schedule: Schedule, n_levels: int, ends: tuple[float, float], latent: bool = False
) -> list[float]:
    """n levels from σ_max on that minimise the bound at σ_min, by a constrained trust region from equal steps in ln σ.

    ends: σ_max and σ_min. The optimisation is over ln σ, as in the paper, whose last step is of order 1 as well.
    """
    first, end = -np.log(ends)
    start = np.linspace(first, end, n_levels + 1)[1:-1]  # λ = −ln σ
    if not len(start):
        return [ends[0]]
    gaps = np.eye(n_levels, n_levels - 1) - np.eye(n_levels, n_levels - 1, -1)  # of neighbours, both ends included
    least = np.zeros(n_levels)
    least[0], least[-1] = first, -end

    def bound(lambdas: Vector) -> float:
        return error_bound(sampler, schedule, [ends[0], *np.exp(-lambdas)], ends[1], latent)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "delta_grad == 0")  # where two steps have one gradient
        result = minimize(bound, start, method="trust-constr", constraints=[LinearConstraint(gaps, least, np.inf)])
    return [ends[0], *np.exp(-result.x).tolist()]
