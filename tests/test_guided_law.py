"""The law of guided runs on Gaussian data, where it is known, and the order at which samplers reach it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.guidance_rules import guidance_certificate, guided_certificate
from benchbox.exact.guided_law import guided_factor
from benchbox.grid import Levels
from benchbox.guidance import Guidance, guided
from benchbox.guidances.cfg import CFG
from benchbox.noise import Noise

CONDITIONAL, UNCONDITIONAL = 0.5, 2.0
CPU = torch.device("cpu")


def pair(label: int = 1, n: int = 3) -> Denoiser:
    """A Gaussian of variance u, whose class 1, of next to no weight, is one of variance c."""
    stds = (math.sqrt(UNCONDITIONAL), math.sqrt(CONDITIONAL))
    options = {"dim": 1, "means": (0.0, 0.0), "stds": stds, "weights": (1.0, 1e-300), "label": (label,)}
    made = Denoiser(benchbox.get("model", "mixture", **options), CPU, torch.float64)
    made.at(torch.arange(n))
    return made


def factor_of(name: str, guidance: Guidance | None, n_levels: int, **options: Any) -> float:
    """By what a run multiplies its start, from σ = 10 to 0.05."""
    grid = benchbox.get("grid", "karras", sigma_min=0.05, sigma_max=10.0)
    levels = Levels.cut(benchbox.get("schedule", "edm"), grid, n_levels)
    denoise = guided(guidance, pair(), levels)
    noise = Noise(0, 0, 3, (1,), dtype=torch.float64)
    states = list(trajectory(benchbox.get("sampler", name, **options), denoise, levels, noise, "none"))
    ratio: Tensor = states[-1] / states[0]
    assert float(ratio.std()) < 1e-9 * float(ratio.abs().mean())  # linear, as the exact solution is
    return float(ratio.mean())


def errors(name: str, guidance: Any, counts: tuple[int, ...], **options: Any) -> list[float]:
    exact = guided_factor(CONDITIONAL, UNCONDITIONAL, guidance, 10.0, 0.05)
    return [abs(factor_of(name, guidance, n, **options) / exact - 1) for n in counts]


def order(name: str, guidance: Any, **options: Any) -> float:
    counts = (33, 65, 129)
    found = errors(name, guidance, counts, **options)
    return -float(np.polyfit(np.log([n - 1 for n in counts]), np.log(found), 1)[0])


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(
    ("name", "options", "claimed"), [("ddim", {}, 1), ("heun", {}, 2), ("ode", {"method": "rk4"}, 4)]
)
def test_ode_samplers_reach_the_law_under_guidance_at_their_order(
    name: str, options: dict[str, Any], claimed: int, scale: float
) -> None:
    assert order(name, benchbox.get("guidance", "cfg", scale=scale), **options) == pytest.approx(claimed, abs=0.35)


def test_with_an_interval_the_exponents_are_s_between_its_ends_alone() -> None:
    guidance = benchbox.get("guidance", "cfg", scale=3.0, sigma_low=0.19, sigma_high=1.61)
    (error,) = errors("heun", guidance, (4001,))
    assert error < 1e-3
    for other in ({"scale": 1.0}, {"scale": 3.0}):
        elsewhere = guided_factor(CONDITIONAL, UNCONDITIONAL, benchbox.get("guidance", "cfg", **other), 10.0, 0.05)
        assert abs(factor_of("heun", guidance, 257) / elsewhere - 1) > 0.1


def test_an_interval_whose_ends_are_no_levels_costs_heun_its_order() -> None:
    guidance = benchbox.get("guidance", "cfg", scale=3.0, sigma_low=0.19, sigma_high=1.61)
    found = errors("heun", guidance, (33, 65, 129, 257, 513, 1025))
    slope = -float(np.polyfit(np.log([32, 64, 128, 256, 512, 1024]), np.log(found), 1)[0])
    assert slope == pytest.approx(1, abs=0.45)


def test_from_far_away_the_variance_is_a_geometric_mean_and_not_that_of_the_tilted_density() -> None:
    """As σ_T grows it is c^s u^(1−s); p_c^s p_u^(1−s) would have (s/c + (1−s)/u)^−1."""
    s, far = 3.0, 1e4
    factor = guided_factor(CONDITIONAL, UNCONDITIONAL, benchbox.get("guidance", "cfg", scale=s), far, 1e-6)
    assert (factor * far) ** 2 == pytest.approx(CONDITIONAL**s * UNCONDITIONAL ** (1 - s), rel=1e-6)
    assert CONDITIONAL**s * UNCONDITIONAL ** (1 - s) == pytest.approx(0.03125)
    assert 1 / (s / CONDITIONAL + (1 - s) / UNCONDITIONAL) == pytest.approx(0.2)


class Miscounted(CFG):
    """It claims one evaluation."""

    def cost(self, sigma: float) -> int:
        return 1


class Stateful(CFG):
    """Its scale grows from batch to batch."""

    def __call__(self, denoise: Denoiser, levels: Levels) -> Any:
        grown = replace(self, scale=getattr(self, "grown", self.scale) + 1)
        object.__setattr__(self, "grown", grown.scale)
        return CFG.__call__(CFG(grown.scale), denoise, levels)


class OverTheBatch(CFG):
    """Its difference is scaled by a norm over all samples."""

    def __call__(self, denoise: Denoiser, levels: Levels) -> Any:
        def guide(x: Tensor, sigma: float) -> Tensor:
            d_c, d_u = denoise.both(x, sigma)
            return d_u + self.scale * (d_c - d_u) / (1 + (d_c - d_u).norm())

        return guide


@pytest.mark.parametrize(
    ("guidance", "broken"), [(Miscounted(), {"cost"}), (Stateful(), {"batch", "state"}), (OverTheBatch(), {"batch"})]
)
def test_check_finds_a_guidance_that_breaks_the_contract(guidance: Guidance, broken: set[str]) -> None:
    assert {rule.name for rule in guidance_certificate(guidance).failures} == broken


@pytest.mark.parametrize("name", ["cfg", "classifier"])
def test_the_built_in_guidances_pass(name: str) -> None:
    found = guidance_certificate(benchbox.get("guidance", name))
    assert found.passed
    assert len(found.checks) == 4


def test_a_sampler_under_a_guidance_has_its_law_and_its_order_checked() -> None:
    found = guided_certificate(benchbox.get("sampler", "heun"), benchbox.get("guidance", "cfg", scale=3.0))
    assert [check.name for check in found.checks] == ["law", "order", "cost", "batch", "state", "output"]
    assert found.passed
    noisy = guided_certificate(benchbox.get("sampler", "ancestral"), benchbox.get("guidance", "cfg"))
    assert noisy.checks[0].passed is None
