"""The rules for models that jump: a jump is the solution of the probability-flow ODE."""

from __future__ import annotations

import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.exact.model_rules import formula, noisy, span
from benchbox.exact.rules import Rule, RuleResult, relative
from benchbox.model import Model
from benchbox.sampler import euler

COMPOSED = 1e-5
"""Largest relative difference of two jumps from one, for a formula or a fine solution."""

SHORT = 1e-3
"""Length of a short jump, relative to σ."""


def noisy_states(model: Model, n: int = 16) -> list[tuple[float, Tensor]]:
    """Noised data at levels over the model's range, but for the least."""
    dtype = torch.float64 if model.denoiser(torch.device("cpu")) is not None else torch.float32
    return [(sigma, noisy(model, sigma, n)[1].to(dtype)) for sigma in span(model)[:-1]]


def jumper(model: Model, n: int = 16) -> Denoiser:
    denoise = formula(model)
    denoise.at(torch.arange(n))
    return denoise


def jumps_compose(model: Model) -> RuleResult:
    """Two jumps, to a level between and from it, are one jump."""
    expected = f"two jumps equal to one, to {COMPOSED:g}"
    if model.jumps != "flow-map":
        return RuleResult("jumps compose", None, "it does not jump to levels between", expected)
    denoise, worst = jumper(model), 0.0
    with torch.inference_mode():
        for sigma, x in noisy_states(model):
            for target in (sigma / 8, 0.0):
                between = denoise.jump(x, sigma, sigma / 2)
                worst = max(worst, relative(denoise.jump(between, sigma / 2, target), denoise.jump(x, sigma, target)))
    return RuleResult("jumps compose", worst < COMPOSED, f"two jumps differ from one by {worst:.1e}", expected)


def short_jumps(model: Model) -> RuleResult:
    """A short jump is Euler's step of the model's own denoiser, dx/dσ = (x − D)/σ, to second order in its length."""
    expected = f"Euler's step, to second order: {SHORT:g} of its length"
    if model.jumps != "flow-map" or not model.denoises:
        return RuleResult("short jumps", None, "it takes no short jumps, or does not denoise", expected)
    denoise, worst = jumper(model), 0.0
    with torch.inference_mode():
        for sigma, x in noisy_states(model):
            end = sigma * (1 - SHORT)
            step = euler(denoise(x, sigma), x, sigma, end) - x
            worst = max(worst, float((denoise.jump(x, sigma, end) - x - step).norm() / step.norm()))
    return RuleResult("short jumps", worst < 2 * SHORT, f"off by {worst:.1e} of their length", expected)


def end_of_jumps(model: Model) -> RuleResult:
    """At the least level a jump to the data leaves the state where it is, up to the noise of that level."""
    expected = "x at the least level moves by no more than a few times its noise"
    if model.jumps is None:
        return RuleResult("end of jumps", None, "it does not jump", expected)
    sigma, n = span(model)[-1], 16
    x = noisy(model, sigma, n)[1].float()
    with torch.inference_mode():
        moved = float((jumper(model).jump(x, sigma, 0.0) - x).square().mean().sqrt() / sigma)
    return RuleResult("end of jumps", moved < 5, f"moves by {moved:.2g} σ at σ = {sigma:.3g}", expected)


JUMP_RULES: tuple[tuple[str, Rule], ...] = (
    ("jumps compose", jumps_compose), ("short jumps", short_jumps), ("end of jumps", end_of_jumps),
)  # fmt: skip
