"""Whether a built-in sampler agrees with the published formulas of its method."""

from __future__ import annotations

from typing import Any

import torch

from benchbox.driver import trajectory
from benchbox.errors import UsageError
from benchbox.exact.law import last
from benchbox.exact.ode_references import TABLEAUS, last_step
from benchbox.exact.references import PUBLISHED_FORMULAS
from benchbox.exact.rules import RuleResult, Trial, counted_denoiser, image, relative
from benchbox.exact.settings import made, other_values
from benchbox.noise import BLOCK, Noise
from benchbox.sampler import Sampler

AGREE = 1e-9


def deviation(trial: Trial, n_levels: int = 24) -> float | None:
    """How far a trial's samples are from the published formulas', relative; None where these do not exist or apply."""
    reference = PUBLISHED_FORMULAS.get(trial.sampler.name)
    if reference is None or (trial.sampler.name == "ode" and getattr(trial.sampler, "method", "") not in TABLEAUS):
        return None
    levels, denoise = trial.levels(n_levels), counted_denoiser(image())
    noise = Noise(7, 0, BLOCK, image().shape, dtype=torch.float64)
    x = noise(0, 0) * levels.start_std
    try:
        with torch.inference_mode():
            end = reference(trial.sampler, denoise, x, levels, noise)
            expected = last_step(trial.sampler, denoise, end, levels, noise)
    except (ValueError, UsageError):
        return None  # a frame that does not reach these levels, or steps too long for the formula
    drawn = Noise(7, 0, BLOCK, image().shape, dtype=torch.float64)
    return relative(last(trajectory(trial.sampler, counted_denoiser(image()), levels, drawn)), expected)


def agrees(trial: Trial) -> RuleResult:
    """A built-in method against its paper's formulas, at its options and at other values of them, two at a time."""
    name, expected = (
        f"published formulas ({trial.schedule.name})",
        f"the samples of the published formulas to {AGREE:g}",
    )
    if trial.sampler.name not in PUBLISHED_FORMULAS:
        return RuleResult(name, None, "no formulas are published under this name", expected)
    tried = 0
    for values in settings_of(trial.sampler):
        sampler = made(trial.sampler, values)
        if sampler is None or sampler.evals_per_step is None:
            continue
        difference = deviation(Trial(sampler, trial.schedule, trial.grid))
        tried += difference is not None
        if difference is not None and not difference < AGREE:
            chosen = ", ".join(f"{k}={getattr(v, 'name', v)}" for k, v in values.items()) or "its options"
            return RuleResult(name, False, f"with {chosen} the samples differ by {difference:.1e}", expected)
    return RuleResult(name, tried > 0, f"agree at {tried} settings of the options", expected)


def settings_of(sampler: Sampler) -> list[dict[str, Any]]:
    """The options as they are, each changed alone, and every two changed together."""
    every = [(o, v) for o, values in other_values(sampler).items() for v in values]
    pairs = [{a[0]: a[1], b[0]: b[1]} for i, a in enumerate(every) for b in every[:i] if a[0] != b[0]]
    return [{}, *({o: v} for o, v in every), *pairs]
