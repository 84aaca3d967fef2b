"""The rules for models."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.exact.rules import Rule, RuleResult, relative
from benchbox.model import Model


def span(model: Model) -> list[float]:
    """Levels over the model's range."""
    schedule = model.schedule
    ends = float(schedule.sigma(schedule.t_max)), float(schedule.sigma(schedule.t_min))
    return [float(s) for s in np.geomspace(*ends, 7)]


def formula(model: Model) -> Denoiser:
    exact = model.denoiser(torch.device("cpu")) is not None
    return Denoiser(model, torch.device("cpu"), torch.float64 if exact else torch.float32)


def noisy(model: Model, sigma: float, n: int, seed: int = 0) -> tuple[Tensor | None, Tensor]:
    """Data, where the model can draw them, and data with noise."""
    x0 = model.draw(n, seed)
    z = torch.as_tensor(np.random.default_rng(seed + 1).standard_normal((n, *model.shape)))
    return x0, (z * sigma if x0 is None else x0.double() + z * sigma)


def posterior_mean(model: Model) -> RuleResult:
    """x_0 − D(x) is orthogonal to every function of x: tested on draws, with D, x, 1 and a cosine, as z-scores."""
    expected = "x_0 − D uncorrelated with functions of x (|z| < 5)"
    if model.draw(1, 0) is None or not model.denoises:
        return RuleResult("posterior mean", None, "not known: the model draws no data, or only jumps", expected)
    denoise, worst, where = formula(model), 0.0, 0.0
    for sigma in span(model):
        x0, x = noisy(model, sigma, 4096)
        assert x0 is not None
        with torch.no_grad():
            d = denoise(x, sigma)
        rest = (x0 - d).flatten(1)
        for phi in (
            torch.ones_like(rest),
            x.flatten(1),
            d.flatten(1),
            torch.cos(x.flatten(1) / sigma),
            torch.tanh(x.flatten(1)),
        ):
            product = (rest * phi).sum(1)
            z = float(product.mean().abs() / (product.std() / math.sqrt(len(product))).clamp_min(1e-12))
            worst, where = max((worst, where), (z, sigma))
    return RuleResult("posterior mean", worst < 5, f"largest |z| {worst:.1f}, at σ = {where:.3g}", expected)


def gaussian_mean(model: Model) -> RuleResult:
    """D of Gaussian data, from their mean and covariance."""
    expected = "μ + Σ (Σ + σ²)⁻¹ (x − μ), to 1e-9"
    law = model.gaussian_law()
    if law is None or law[0].size > 1024 or not model.denoises:
        return RuleResult("closed form", None, "not Gaussian data, or too large to invert, or it only jumps", expected)
    mean, covariance, denoise, worst = law[0], law[1] @ law[1], formula(model), 0.0
    for sigma in span(model):
        x = noisy(model, sigma, 5)[1]
        gain = np.linalg.solve(covariance + sigma**2 * np.eye(mean.size), covariance)
        exact = torch.as_tensor(mean + (x.flatten(1).numpy() - mean) @ gain).view(x.shape)
        worst = max(worst, relative(denoise(x, sigma), exact))
    return RuleResult("closed form", worst < 1e-9, f"D is off by {worst:.1e}", expected)


def model_conduct(model: Model) -> RuleResult:
    """Per level: alone as in a batch, the same twice, the input left as it is, dtype kept, no gradient, finite."""
    expected = "batch independence, repeatability, input and dtype kept, no gradient kept, finite"
    denoise = formula(model)
    ask = denoise if model.denoises else partial(denoise.jump, sigma_next=0.0)
    rounding = 1e-10 if denoise.model.denoiser(torch.device("cpu")) is not None else 1e-3
    for sigma in span(model):
        x = noisy(model, sigma, 5)[1].to(torch.float64 if rounding < 1e-6 else torch.float32)
        before = x.clone()
        with torch.inference_mode():
            denoise.at(torch.arange(5))
            whole, again = ask(x, sigma), ask(x, sigma)
            denoise.at(torch.arange(2, 3))
            alone = ask(x[2:3], sigma)
        at = f" at σ = {sigma:.3g}"
        if fault := _fault(whole, again, alone, x, before, rounding):
            return RuleResult("conduct", False, fault + at, expected)
    return RuleResult("conduct", True, "kept from the least level to the largest", expected)


def _fault(whole: Tensor, again: Tensor, alone: Tensor, x: Tensor, before: Tensor, rounding: float) -> str | None:
    if not bool(torch.isfinite(whole).all()):
        return "D is not finite"
    if not torch.equal(x, before):
        return "the input is modified"
    if whole.shape != x.shape or whole.dtype != x.dtype:
        return f"D is {whole.dtype} {tuple(whole.shape)} for {x.dtype} {tuple(x.shape)}"
    if whole.requires_grad:
        return "a gradient is kept"
    if relative(again, whole) > rounding:
        return f"the same input twice differs by {relative(again, whole):.1e}"
    if (difference := relative(alone, whole[2:3])) > rounding:
        return f"a sample alone differs from itself in a batch by {difference:.1e}"
    return None


MODEL_RULES: tuple[tuple[str, Rule], ...] = (
    ("posterior mean", posterior_mean), ("closed form", gaussian_mean), ("conduct", model_conduct),
)  # fmt: skip
