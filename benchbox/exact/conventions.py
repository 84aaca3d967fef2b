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

from benchbox.exact.exact_choices import kept_law, posterior_variance, preserving
from benchbox.exact.law import propagate, scripted_output
from benchbox.exact.rules import CallRecorder, RuleResult, Trial, counted_denoiser, image
from benchbox.exact.settings import made
from benchbox.exact.short_runs import affine, short_levels, spectra

NEAR = 0.05
"""Largest relative deviation of a strength of noise that is measured on short intervals."""

SAME = 1e-3
"""Largest relative deviation of a weight that is known."""

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
    """The weight √(2ε) of the last draw z, ε = 2 α (snr ‖z‖/‖score‖)², or with σ in place of the norms' ratio.

    α is 1, and 1 − β of the last interval for a sampler with a frame that preserves the variance; after another
    predictor than its own either. The norms are of each sample.
    """
    if any(type(value) is int and value == 0 for value in vars(trial.sampler).values()):
        return None  # of a number of steps: there may be no step of this kind
    levels, denoise = short_levels(trial, 0.8, 2), CallRecorder(image())
    draws = scripted_output(trial.sampler, image(), levels, lambda k: torch.ones(1, *image().shape).double())[1]
    z = torch.as_tensor(np.random.default_rng(6).standard_normal((draws, 16, *image().shape)))

    def ends(sign: int) -> Tensor:
        x, _ = scripted_output(trial.sampler, denoise, levels, lambda k: z[k] * (sign if k == draws - 1 else 1))
        return torch.as_tensor(x)

    above, below = ends(1), ends(-1)
    x, sigma = denoise.asked[-1]
    score = (counted_denoiser(image())(x, sigma) - x) / sigma**2
    noise = z[-1].flatten(1).norm(dim=1)
    weight, ratio = (above - below).norm(dim=1) / 2 / noise, noise / score.flatten(1).norm(dim=1)
    first, then = levels.in_frame(getattr(trial.sampler, "frame", None)).scales[-2:]
    framed = hasattr(trial.sampler, "frame") and preserving(trial)
    roots = [first / then] if framed else [1.0]
    if getattr(trial.sampler, "predictor", None):
        roots = [1.0, first / then]
    if any(bool((weight / (2 * snr * root * n) - 1).abs().max() < SAME) for root in roots for n in (ratio, sigma)):
        return None
    return f"the last draw weighs {weight.mean():.3g}, not 2 snr ‖z‖/‖score‖ = {2 * snr * ratio.mean():.3g}"


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


def noise_after_jump(trial: Trial, gamma: float) -> str | None:
    """The weight of the noise after a jump: γσ', or what leads to σ' from the level of the time (1 − γ)t'."""
    if trial.sampler.uses_jumps != "flow-map":
        return None
    levels, frame = short_levels(trial, 0.8, 2), getattr(trial.sampler, "frame", None)
    t, schedule, sigma = (1 - gamma) * levels.in_frame(frame).times[1], frame or trial.schedule, levels.sigmas[1]
    down = min(float(schedule.sigma(t)), sigma) if t >= schedule.t_min else 0.0
    weight = math.sqrt(propagate(trial.sampler, spectra(), levels, steps=1).noise.max())
    meant = gamma * sigma, math.sqrt(sigma**2 - down**2)
    if any(abs(weight - exact) < SAME * exact + 1e-9 for exact in meant):
        return None
    return f"the noise after a jump to σ = {sigma:.3g} weighs {weight:.3g}, not {meant[0]:.3g} or {meant[1]:.3g}"


CONVENTIONS: dict[str, Convention] = {
    "eta": lambda trial, value: noise_strength(trial, value) if value in (0, 1) else None,
    "kappa": noise_strength, "snr": langevin_step, "s_churn": churn, "variance": posterior_variance,
    "integrator": kept_law, "gamma": noise_after_jump,
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
