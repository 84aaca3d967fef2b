"""Rules for levels: which ones a run reaches, and over which range it is finite."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchbox.driver import trajectory
from benchbox.errors import UsageError
from benchbox.exact.law import last
from benchbox.exact.rules import CallRecorder, RuleResult, Trial, counted_denoiser, vector
from benchbox.grid import Levels
from benchbox.noise import Noise
from benchbox.registry import registry


def level_of_start(trial: Trial) -> RuleResult:
    """The model is asked about the start at the first level, the only one at which D of it is a posterior mean."""
    expected = "D(start, σ) at the first level"
    denoise = CallRecorder()
    states = list(trial.states(6, denoise=denoise))
    first = trial.levels(6).sigmas[0]
    for x, sigma in denoise.asked:
        if x.shape == states[0].shape and torch.equal(x, states[0]) and abs(sigma / first - 1) > 1e-6:
            measured = f"the model is asked about the start, at σ = {first:.3g}, as if it were at σ = {sigma:.3g}"
            return RuleResult("level of the start", False, measured, expected)
    return RuleResult("level of the start", True, "asked at the first level", expected)


def level_of_chain(trial: Trial) -> RuleResult:
    """A chain at the last level asks the model at no other."""
    name, expected, denoise = "level of the chain", "D(x, σ) at the last level", CallRecorder()
    last(trial.states(6, denoise=denoise))
    end = trial.levels(6).sigmas[-1]
    for _, sigma in denoise.asked:
        if abs(sigma / end - 1) > 1e-6:
            return RuleResult(name, False, f"the model is asked at σ = {sigma:.3g}, not at {end:.3g}", expected)
    return RuleResult(name, True, "asked at the last level", expected)


def levels_reached(trial: Trial) -> RuleResult:
    """Started right, each state has the spread of x_0 + σ n (±15 %): on 128 intervals, and after a jump."""
    expected = "the spread of x_0 + σ n at every level, ±15 %"
    levels = trial.levels(129)
    states = list(trial.states(129, n=512, model=vector()))
    each = len(states) == len(levels.sigmas)
    pairs = list(zip(states, levels.sigmas, strict=True)) if each else [(states[-1], levels.sigmas[-1])]
    deviation, sigma = max((spread_error(x, sigma), sigma) for x, sigma in pairs[1:] or pairs)
    after = jumped(trial)
    if after is not None and after >= 0.15:
        measured = f"after a last interval of its own length the spread is off by {after:.0%}"
        return RuleResult("levels", False, measured, expected)
    measured = f"largest deviation of the spread {deviation:.0%}, at σ = {sigma:.3g}"
    return RuleResult("levels", deviation < 0.15, measured, expected)


def spread_error(x: Tensor, sigma: float) -> float:
    """The largest relative deviation of a coordinate's spread from √(λ + σ²)."""
    exact = (torch.as_tensor(vector().spectrum) + sigma**2).sqrt()
    return float((x.std(0) / exact - 1).abs().max())


def jumped(trial: Trial) -> float | None:
    """`spread_error` after many small intervals and a last one of 20 %: it shows a run that ends elsewhere.

    None where the sampler refuses such levels.
    """
    sigmas = (*np.geomspace(10, 0.5, 64).tolist(), 0.4)
    times = tuple(float(trial.schedule.time(s)) for s in sigmas)
    noise = Noise(0, 0, 1024, vector().shape, dtype=torch.float64)
    try:
        end = last(
            trajectory(trial.sampler, counted_denoiser(vector()), Levels(trial.schedule, times, sigmas), noise, "none")
        )
    except (ValueError, UsageError):
        return None
    return spread_error(end, sigmas[-1])


def extremes(trial: Trial) -> RuleResult:
    """Finite, in float32, over the whole range of every schedule."""
    expected = "finite samples over the whole range of every schedule"
    ran, bad = [], []
    for name in registry().names("schedule"):
        schedule = registry().get("schedule", name)
        ends = float(schedule.sigma(schedule.t_min)), float(schedule.sigma(schedule.t_max))
        try:
            wide = Trial.of(trial.sampler, schedule, ends)
        except (UsageError, ValueError):
            continue  # a frame that does not reach, or steps that the method refuses: said before any work
        ran.append(name)
        if not bool(torch.isfinite(wide.run(8, dtype=torch.float32)).all()):
            bad.append(f"{name} (σ from {ends[1]:.3g} to {ends[0]:.3g})")
    if not ran:
        return RuleResult("extremes", False, "it runs on no schedule's whole range", expected)
    return RuleResult(
        "extremes", not bad, f"not finite on {', '.join(bad)}" if bad else f"finite on {', '.join(ran)}", expected
    )
