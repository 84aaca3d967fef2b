"""Rules for options whose names have one meaning in the field: a sampler that has such an option means the same by it.

eta = 1 is the noise of the DDPM (Song et al. 2020, arXiv:2010.02502, eq. 16), kappa = 1 that of the reverse SDE (Song
et al. 2021, arXiv:2011.13456): to first order in the interval they are one. snr is the length of a Langevin step by the
norms of noise and score (the same, algorithms 4 and 5). s_churn, s_min and s_max raise a level before a step (Karras et
al. 2022, arXiv:2206.00364, algorithm 2). variance small is exact for data that are one point, large for N(0, I) in a
frame that preserves the variance (Ho et al. 2020, arXiv:2006.11239, §3.2). There the probability-flow ODE of N(0, I)
stands still, which an integrator euler or exponential keeps, and ancestral, a step of the DDPM, keeps N(0, I).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbox.exact.affinity import why_not_exact
from benchbox.exact.law import noised, propagate, scripted_output
from benchbox.exact.local_rules import affine, moment_error, short_levels, spectra
from benchbox.exact.rules import CallRecorder, RuleResult, Trial
from benchbox.exact.settings import made
from benchbox.models.gaussian import Gaussian

NEAR = 0.05
"""Largest relative deviation of a strength of noise that is measured on short intervals."""

LARGE_SNR = 0.2
"""Above this the corrector itself moves states away from the law at which its step is measured."""

EXACT_LAW = 1e-6
"""Largest error of mean and variance where a choice is exact."""

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
                found = denoise.asked[0][1] / sigma - 1
                return f"s_churn={value:g} on 32 intervals raises σ = {sigma:.3g} by {found:.1%}, not {expected:.1%}"
    return None


def posterior_variance(trial: Trial, choice: str) -> str | None:
    """One long interval from the exact law, on data for which the choice is exact."""
    if choice not in ("small", "large") or (choice == "large" and not _preserving(trial)):
        return None
    error = _law_error(trial, 1.0 if choice == "large" else 1e-12)
    return None if not error > EXACT_LAW else f"variance={choice} is off by {error:.1e} where it is exact"


def kept_law(trial: Trial, choice: str) -> str | None:
    """One long interval from N(0, I), the law of the data, in a frame that preserves the variance."""
    strength = {"euler": 0.0, "exponential": 0.0, "ancestral": 1.0}.get(choice)
    sampler = made(trial.sampler, {"kappa": strength}) if hasattr(trial.sampler, "kappa") else None
    if strength is None or sampler is None or not _preserving(trial):
        return None
    error = _law_error(replace(trial, sampler=sampler), 1.0)
    return None if not error > EXACT_LAW else f"at kappa={strength:g} N(0, I) is changed by {error:.1e} in one interval"


def _preserving(trial: Trial) -> bool:
    """Whether s²(1 + σ²) = 1 in the sampler's frame."""
    levels = trial.levels(6).in_frame(getattr(trial.sampler, "frame", None))
    return all(abs(s * s * (1 + o * o) - 1) < 1e-6 for s, o in zip(levels.scales, levels.sigmas, strict=True))


def _law_error(trial: Trial, variance: float) -> float:
    """The error of mean and variance after one interval to half the level, on data N(0, variance)."""
    model = Gaussian(mean=(0.0, 0.0), eigenvalues=(variance, variance))
    levels = short_levels(trial, 0.8, 1, 2.0)
    if why_not_exact(trial.sampler, model, levels):
        return math.nan
    law = propagate(trial.sampler, model, levels)
    return moment_error(law.moments(noised(model, levels.sigmas[0])), levels.sigmas[-1], model)


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
