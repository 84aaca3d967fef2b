"""The published formulas of the built-in methods, coded a second time in the coordinates of their papers.

Each takes (sampler, D, x, levels, noise) with x canonical, runs in the paper's own variables (ᾱ and y = √ᾱ x, forward
and backward drift, a Butcher tableau) and returns the canonical end. Nothing here is shared with `benchbox.samplers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from benchbox.exact.ode_references import D, heun, ode
from benchbox.grid import Levels
from benchbox.noise import Noise

PublishedFormula = Callable[[Any, D, Tensor, Levels, Noise], Tensor]


def alpha_bar(sigma: float) -> float:
    return 1 / (1 + sigma * sigma)


def ddim(sampler: Any, d: D, x: Tensor, levels: Levels, noise: Noise) -> Tensor:
    """Song, Meng & Ermon 2021 (arXiv:2010.02502), eq. 12 and 16, in y = √ᾱ x."""
    for sigma, sigma_next in pairwise(levels.sigmas):
        a, b = alpha_bar(sigma), alpha_bar(sigma_next)
        y, x0 = math.sqrt(a) * x, d(x, sigma)
        eps = (y - math.sqrt(a) * x0) / math.sqrt(1 - a)
        c = sampler.eta * math.sqrt((1 - b) / (1 - a)) * math.sqrt(1 - a / b)
        y = math.sqrt(b) * x0 + math.sqrt(1 - b - c * c) * eps
        x = (y + c * noise(0, 0) if c else y) / math.sqrt(b)
    return x


def ancestral(sampler: Any, d: D, x: Tensor, levels: Levels, noise: Noise) -> Tensor:
    """Ho et al. 2020, eq. 6, 7, the mean as weights of x_0 and y_t; large: the frame's own conditional variance."""
    frame = levels.in_frame(sampler.frame)
    for i, (sigma, sigma_next) in enumerate(pairwise(levels.sigmas)):
        a, b = alpha_bar(sigma), alpha_bar(sigma_next)
        alpha, beta = a / b, 1 - a / b
        x0 = d(x, sigma)
        mean = (math.sqrt(b) * beta * x0 + math.sqrt(alpha) * (1 - b) * math.sqrt(a) * x) / (1 - a)
        if sampler.variance == "small":
            std = math.sqrt(beta * (1 - b) / (1 - a)) / math.sqrt(b)
        else:
            s, s_next = (float(frame.schedule.scale(t)) for t in frame.times[i : i + 2])
            std = math.sqrt((s * sigma) ** 2 - (s * sigma_next) ** 2) / s_next
        x = mean / math.sqrt(b) + std * noise(0, 0)
    return x


def euler_maruyama(sampler: Any, d: D, x: Tensor, levels: Levels, noise: Noise) -> Tensor:
    """Song et al. 2021, eq. 6, 8: drift and diffusion of the frame from finite differences of its marginals."""
    frame = levels.in_frame(sampler.frame)
    y = x * float(frame.schedule.scale(frame.times[0]))
    for t, t_next, sigma in zip(frame.times[:-1], frame.times[1:], levels.sigmas, strict=False):
        s, s_next = float(frame.schedule.scale(t)), float(frame.schedule.scale(t_next))
        f, h = float(frame.schedule.dlog_scale(t)), t - t_next
        g2 = 2 * s * s * sigma * float(frame.schedule.dsigma(t))
        score, k2 = (d(y / s, sigma) - y / s) / (s * sigma**2), sampler.kappa**2
        match sampler.integrator:
            case "euler":
                y, std = y - h * (f * y - (1 + k2) / 2 * g2 * score), math.sqrt(g2 * h)
            case "ancestral":
                y, std = (y + (1 + k2) / 2 * g2 * h * score) / math.sqrt(1 + 2 * h * f), math.sqrt(g2 * h)
            case _:
                gain, variance = _exponential(frame.schedule, t, t_next)
                y, std = s_next / s * y + (1 + k2) / 2 * gain * score, math.sqrt(variance)
        y = y + sampler.kappa * std * noise(0, 0) if sampler.kappa else y
    return y / float(frame.schedule.scale(frame.times[-1]))


def _exponential(frame: Any, t: float, t_next: float) -> tuple[float, float]:
    """∫Φ g² and ∫Φ² g², Φ(τ) = s(t')/s(τ), by adaptive quadrature."""
    from scipy.integrate import quad

    s_next = float(frame.scale(t_next))

    def g2(tau: float) -> float:
        return 2 * float(frame.scale(tau)) ** 2 * float(frame.sigma(tau)) * float(frame.dsigma(tau))

    return tuple(
        quad(
            lambda u, p=p: (s_next / float(frame.scale(u))) ** p * g2(u), t_next, t, epsabs=0, epsrel=1e-11, limit=200
        )[0]
        for p in (1, 2)
    )


def annealed_langevin(sampler: Any, d: D, x: Tensor, levels: Levels, noise: Noise) -> Tensor:
    """Song & Ermon 2019, algorithm 1, with ε = step_size σ_L²."""
    epsilon = sampler.step_size * levels.sigmas[-1] ** 2
    for sigma in levels.sigmas:
        alpha = epsilon * (sigma / levels.sigmas[-1]) ** 2
        for _ in range(sampler.steps_per_level):
            x = x + alpha / 2 * (d(x, sigma) - x) / sigma**2 + math.sqrt(alpha) * noise(0, 0)
    return x


def langevin(sampler: Any, d: D, x: Tensor, levels: Levels, noise: Noise) -> Tensor:
    """Song & Ermon 2019, eq. 4, whose ε is step_size: a gradient of the log-density at σ_L."""
    epsilon, sigma = sampler.step_size, levels.sigmas[-1]
    for _ in levels.sigmas[1:]:
        x = x + epsilon / 2 * (d(x, sigma) - x) / sigma**2 + sampler.s_noise * math.sqrt(epsilon) * noise(0, 0)
    return x


def pc(sampler: Any, d: D, x: Tensor, levels: Levels, noise: Noise) -> Tensor:
    """Song et al. 2021, algorithms 2 to 5, in the frame's y; a predictor that is a plugin runs its own interval."""
    frame = levels.in_frame(sampler.frame)
    s = [float(frame.schedule.scale(t)) for t in frame.times]
    preserving = all(abs((a * o) ** 2 + a * a - 1) < 1e-6 for a, o in zip(s, levels.sigmas, strict=True))
    for i in range(len(s) - 1):
        sigma, sigma_next = levels.sigmas[i : i + 2]
        beta = 1 - (s[i] / s[i + 1]) ** 2 if preserving else 0.0
        if sampler.predictor is not None:
            beta, x = 0.0, PUBLISHED_FORMULAS[sampler.predictor.name](sampler.predictor, d, x, frame.interval(i), noise)
        elif preserving:
            y, score = s[i] * x, (d(x, sigma) - x) / (s[i] * sigma**2)
            x = ((2 - math.sqrt(1 - beta)) * y + beta * score + math.sqrt(beta) * noise(0, 0)) / s[i + 1]
        else:
            x = x + (sigma**2 - sigma_next**2) * ((d(x, sigma) - x) / sigma**2)
            x = x + math.sqrt(sigma**2 - sigma_next**2) * noise(0, 0)
        for _ in range(sampler.corrector_steps):
            x = _corrector(sampler, d, x, sigma_next, 1 - beta, noise)
    return x


def _corrector(sampler: Any, d: D, x: Tensor, sigma: float, alpha: float, noise: Noise) -> Tensor:
    z = noise(0, 0)
    g = (d(x, sigma) - x) / sigma**2
    if sampler.norm == "sample" or (sampler.norm == "auto" and x[0].numel() >= 16):
        ratio = torch.stack([a.norm() / b.norm() for a, b in zip(z, g, strict=True)]).view(-1, *[1] * (x.ndim - 1))
        epsilon: Tensor = 2 * alpha * (sampler.snr * ratio) ** 2
    else:
        epsilon = torch.tensor(2 * alpha * (sampler.snr * sigma) ** 2, dtype=x.dtype)
    step: Tensor = x + epsilon * g + torch.sqrt(2 * epsilon) * z
    return step


PUBLISHED_FORMULAS: dict[str, PublishedFormula] = {
    "ddim": ddim, "ancestral": ancestral, "euler-maruyama": euler_maruyama, "heun": heun,
    "annealed-langevin": annealed_langevin, "langevin": langevin, "pc": pc, "ode": ode,
}  # fmt: skip
"""By the name of the method."""
