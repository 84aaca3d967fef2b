"""Rules for options whose names have one meaning in the field: a sampler that has such an option means the same by it.

eta = 1 is the noise of the DDPM (Song et al. 2020, arXiv:2010.02502, eq. 16), kappa = 1 that of the reverse SDE (Song
et al. 2021, arXiv:2011.13456): to first order in the interval they are one. snr is the length of a Langevin step by the
norms of noise and score (the same, algorithms 4 and 5). s_churn, s_min and s_max raise a level before a step (Karras et
al. 2022, arXiv:2206.00364, algorithm 2). Choices of variance and of integrator are in `exact_choices`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbox.exact.exact_choices import kept_law, posterior_variance
from benchbox.exact.law import propagate, scripted_output
from benchbox.exact.local_rules import affine, short_levels, spectra
from benchbox.exact.rules import CallRecorder, RuleResult, Trial
from benchbox.exact.settings import made
from benchbox.models.gaussian import Gaussian

NEAR = 0.05
"""Largest relative deviation of a strength of noise that is measured on short intervals."""

LARGE_SNR = 0.2
"""Above this the corrector itself moves states away from the law at which its step is measured."""

Convention = Callable[[Trial, Any], str | None]
"""A trial whose option has this value; what is wrong with it, or nothing."""


def noise_strength(trial: Trial, strength: float) -> str | None:
    """The noise of one short interval against strength² times that of the reverse SDE, 2σ dσ."""
    if not affine(trial):
        return None
    for start in (8.0, 0.8):
        levels = short_levels(trial, start, 512)
        law = propagate(trial.sampler, spectra(), levels, steps=1)
        exact = strength**2 * (levels.sigmas[0] ** 2 - levels.sigmas[1] ** 2)
        if abs(law.noise.max() - exact) > NEAR * max(exact, 1e-12):
            return f"in one interval from σ = {start:g} it draws a variance of {law.noise.max():.3g}, not {exact:.3g}"
    return None


def langevin_step(trial: Trial, snr: float) -> str | None:
    """The weight of the last draw: 2 snr σ on data that are one point, where the score has the norm of noise over σ."""
    point = Gaussian(mean=(0.0,) * 64, eigenvalues=(1e-9,) * 64, sample_shape=(1, 8, 8))
    if snr > LARGE_SNR or not getattr(trial.sampler, "corrector_steps", 1):
        return None
    levels = short_levels(trial, 0.8, 64)
    rng = np.random.default_rng(6)
    draws = scripted_output(trial.sampler, point, levels, lambda k: torch.zeros(1, 1, 8, 8).double() + 1.0)[1]
    z = rng.standard_normal((draws, 16, 1, 8, 8))

    def ends(sign: float) -> Tensor:
        def noise(k: int) -> Tensor:
            return torch.as_tensor(z[k] * (sign if k == draws - 1 else 1))

        return torch.as_tensor(scripted_output(trial.sampler, point, levels, noise)[0])

    weight = float((ends(1) - ends(-1)).norm() / 2 / np.linalg.norm(z[-1]) / levels.sigmas[-1])
    if abs(weight / (2 * snr) - 1) > 2 * NEAR:
        return f"the last draw weighs {weight:.3g} σ, not 2 snr σ = {2 * snr:.3g} σ"
    return None


def churn(trial: Trial, strength: float) -> str | None:
    """Which levels are raised, and how far: min(s_churn / N, √2 − 1) where s_min ≤ σ ≤ s_max."""
    low, high = (getattr(trial.sampler, o, d) for o, d in (("s_min", 0.0), ("s_max", math.inf)))
    for value in (strength, 0.2 * 33, 1e4):
        sampler = made(trial.sampler, {"s_churn": value})
        if sampler is None:
            continue
        levels, denoise = trial.levels(33), CallRecorder()
        states = Trial(sampler, trial.schedule, trial.grid).states(33, denoise=denoise)
        next(states)
        for sigma in levels.sigmas[:-1]:
            denoise.asked.clear()
            next(states)
            expected = min(value / 33, math.sqrt(2) - 1) if low <= sigma <= high else 0.0
            if abs(denoise.asked[0][1] / sigma - 1 - expected) > NEAR * expected + 1e-9:
                raised = denoise.asked[0][1] / sigma - 1
                return f"s_churn={value:g} on 32 intervals raises σ = {sigma:.3g} by {raised:.1%}, not {expected:.1%}"
    return None


CONVENTIONS: dict[str, Convention] = {
    "eta": lambda trial, value: noise_strength(trial, value) if value in (0, 1) else None,
    "kappa": noise_strength, "snr": langevin_step, "s_churn": churn, "variance": posterior_variance,
    "integrator": kept_law,
}  # fmt: skip
"""By the name of the option."""


def conventions(trial: Trial) -> RuleResult:
    """Options with a name of the field mean what the field means by it."""
    expected = "the usual meaning of the option (docs/certificates.md)"
    known = list(_named_options(trial))
    for option, value in known:
        if fault := CONVENTIONS[option](trial, value):
            return RuleResult("names of options", False, f"{option}: {fault}", expected)
    names = ", ".join(option for option, _ in known)
    return RuleResult("names of options", bool(known) or None, f"{names or 'none that is known'}", expected)


def _named_options(trial: Trial) -> Iterator[tuple[str, Any]]:
    for option in CONVENTIONS:
        value = getattr(trial.sampler, option, None)
        if value is not None and option in getattr(trial.sampler, "__dataclass_fields__", ()):
            yield option, value
