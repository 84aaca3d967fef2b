"""A sampler under guidance against the exact law of the guided ODE on a pair of Gaussians, and its order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.guided_law import guided_factor
from benchbox.exact.rules import RuleResult
from benchbox.grid import Levels
from benchbox.guidance import Guidance, guided
from benchbox.guidances.autoguidance import Autoguidance
from benchbox.guidances.cfg import CFG
from benchbox.guidances.classifier import Classifier
from benchbox.guidances.interval import Scaled
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.registry import get
from benchbox.sampler import Sampler

ENDS = (10.0, 0.05)
"""The first and the last σ of the runs, which have no last denoise."""

LEVEL_COUNTS = (33, 65, 129, 257)
VARIANCES = (0.5, 2.0)
"""Of the Gaussian pair: c with the condition and u without it, or of the guide."""


def law_and_order(sampler: Sampler, guidance: Guidance) -> Iterator[RuleResult]:
    """The rules "law" and "order" of a guided ODE on the Gaussian pair."""
    expected = "the exact law of the guided ODE on a Gaussian pair"
    scaled = law_of(guidance)
    if scaled is None:
        yield RuleResult("law", None, f"the law under {guidance.name} is not known", expected)
        return
    if sampler.evals_per_step is None or sampler.order is None or draws(sampler) > 1:
        yield RuleResult("law", None, f"{sampler.name} does not solve the ODE at a fixed order", expected)
        return
    exact, errors = guided_factor(*VARIANCES, scaled, *ENDS), guided_errors(sampler, guidance, scaled)
    reached = f"×{exact**2:.3g} of the start's, reached to {errors[-1]:.1e} on {LEVEL_COUNTS[-1] - 1} intervals"
    yield RuleResult("law", errors[-1] < max(errors[0], 1e-9), f"the variance is {reached}", expected)
    slope, jumps = order_of(errors), levels(LEVEL_COUNTS[0]).through(guidance.jumps).jumps
    without = order_of(guided_errors(sampler, guidance, scaled, nodes=False)) if jumps else math.nan
    measured = f"{slope:.2f}" + (f"; {without:.2f} where the ends of the interval are no levels" if jumps else "")
    yield RuleResult("order", slope > sampler.order - 0.35 or errors[-1] < 1e-9, measured, f"{sampler.order}")


def law_of(guidance: Guidance) -> Scaled | None:
    """The scale and the interval of the law; None where it is not known."""
    match guidance:
        case CFG(rescale=0) | Autoguidance():
            return guidance
        case Classifier():
            return CFG(guidance.scale)  # with the exact classifier it is cfg
    return None


def guided_errors(sampler: Sampler, guidance: Guidance, scaled: Scaled, nodes: bool = True) -> list[float]:
    """The relative errors of the factor from the start to the end, for `LEVEL_COUNTS` levels.

    nodes: the ends of the interval are levels, as in every run.
    """
    exact = guided_factor(*VARIANCES, scaled, *ENDS)
    return [abs(factor_of(sampler, guidance, n, nodes) / exact - 1) for n in LEVEL_COUNTS]


def order_of(errors: list[float]) -> float:
    """The slope of the errors over the intervals."""
    intervals = [math.log(n - 1) for n in LEVEL_COUNTS]
    return -float(np.polyfit(intervals, np.log(np.maximum(errors, 1e-14)), 1)[0])


def levels(n: int) -> Levels:
    return Levels.cut(get("schedule", "edm"), get("grid", "karras", sigma_min=ENDS[1], sigma_max=ENDS[0]), n)


def pair(guidance: Guidance) -> tuple[Guidance, Model]:
    """The guidance and the model of a Gaussian of variance c with its condition and of variance u without, or whose
    guide has variance u. The condition has next to no weight."""
    c, u = map(math.sqrt, VARIANCES)
    if isinstance(guidance, Autoguidance):
        model, guide = (get("model", "mixture", dim=1, means=(0.0,), weights=(1.0,), stds=(std,)) for std in (c, u))
        return replace(guidance, guide=guide), model
    options = {"dim": 1, "means": (0.0, 0.0), "stds": (u, c), "weights": (1.0, 1e-300)}
    return guidance, get("model", "mixture", label=(1,), **options)


def denoiser(model: Model) -> Denoiser:
    """In float64, of two samples."""
    made = Denoiser(model, torch.device("cpu"), torch.float64)
    made.at(torch.arange(2))
    return made


def factor_of(sampler: Sampler, guidance: Guidance, n_levels: int, nodes: bool = True) -> float:
    """By what a guided run on the pair multiplies its start."""
    guidance, model = pair(guidance)
    cut = levels(n_levels).through(guidance.jumps if nodes else ())
    noise = Noise(0, 0, 2, (1,), dtype=torch.float64)
    run = list(trajectory(sampler, guided(guidance, denoiser(model), cut), cut, noise, "none"))
    return float((run[-1] / run[0]).mean())


def draws(sampler: Sampler) -> int:
    """How often a short run draws noise, its start counted."""
    cut, noise = levels(4), Noise(0, 0, 2, (1,), dtype=torch.float64)
    for _ in trajectory(sampler, denoiser(pair(CFG())[1]), cut, noise, "none"):
        pass
    return noise.draws
