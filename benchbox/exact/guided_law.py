"""The exact law of the guided probability-flow ODE on Gaussian data."""

from __future__ import annotations

import math

from benchbox.guidances.interval import Scaled


def guided_factor(conditional: float, unconditional: float, guidance: Scaled, sigma: float, sigma_next: float) -> float:
    """By what the guided ODE multiplies x − μ between two levels, along an eigen-direction of both covariances.

    conditional, unconditional: the variances c and u of the data there, of one mean μ; for autoguidance u is the
    guide's. With g(v) = √((v + σ'²)/(v + σ²)) it is g(c)^s g(u)^(1−s); outside of the interval s is 1.
    """
    low, high = max(guidance.sigma_low, sigma_next), min(guidance.sigma_high, sigma)
    whole = shrunk(conditional, sigma, sigma_next)
    if high <= low:
        return whole
    return whole * (shrunk(conditional, high, low) / shrunk(unconditional, high, low)) ** (guidance.scale - 1)


def shrunk(variance: float, sigma: float, sigma_next: float) -> float:
    """By what the ODE multiplies x − μ of Gaussian data of that variance."""
    return math.sqrt((variance + sigma_next**2) / (variance + sigma**2))
