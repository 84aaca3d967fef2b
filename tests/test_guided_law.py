"""The exact law of the guided ODE, and the rules that guidances keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.guidance_rules import guidance_certificate, guided_certificate
from benchbox.exact.guided_law import guided_factor
from benchbox.exact.guided_order import (
    ENDS,
    LEVEL_COUNTS,
    VARIANCES,
    denoiser,
    factor_of,
    guided_errors,
    law_of,
    levels,
    order_of,
    pair,
)
from benchbox.grid import Levels
from benchbox.guidance import Guidance, guided
from benchbox.guidances.cfg import CFG
from benchbox.noise import Noise

CONDITIONAL, UNCONDITIONAL = VARIANCES
INTERVAL = {"sigma_low": 0.19, "sigma_high": 1.61}
GUIDE = benchbox.get("model", "gaussian")  # the pair has its own
ODE_SAMPLERS = [("ddim", {}, 1), ("heun", {}, 2), ("ode", {"method": "heun3"}, 3), ("ode", {"method": "rk4"}, 4)]


def errors(name: str, guidance: Guidance, nodes: bool = True, **options: Any) -> list[float]:
    scaled = law_of(guidance)
    assert scaled is not None
    return guided_errors(benchbox.get("sampler", name, **options), guidance, scaled, nodes)


AUTO = benchbox.get("guidance", "autoguidance", guide=GUIDE, scale=2.5)
ALL: dict[str, Guidance] = {
    "conditional": CFG(1.0), "unconditional": CFG(0.0), "cfg": CFG(3.0), "auto": AUTO,
    "classifier": benchbox.get("guidance", "classifier", scale=2.0),
    "interval": CFG(3.0, **INTERVAL), "auto-interval": replace(AUTO, **INTERVAL),
}  # fmt: skip


def order(name: str, guidance: Guidance, **options: Any) -> float:
    found = errors(name, guidance, **options)
    assert found[-1] < 0.02
    return order_of(found)


@pytest.mark.parametrize("guidance", ["cfg", "interval", "auto-interval"])
@pytest.mark.parametrize(("name", "options", "claimed"), ODE_SAMPLERS)
def test_ode_samplers_reach_the_law_under_guidance_at_their_order(
    name: str, options: dict[str, Any], claimed: int, guidance: str
) -> None:
    assert order(name, ALL[guidance], **options) == pytest.approx(claimed, abs=0.35)


@pytest.mark.parametrize("guidance", ALL)
def test_heun_reaches_the_law_under_every_guidance(guidance: str) -> None:
    assert order("heun", ALL[guidance]) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(("name", "options", "claimed"), ODE_SAMPLERS[1:])
def test_an_interval_whose_ends_are_no_levels_costs_a_method_its_order(
    name: str, options: dict[str, Any], claimed: int
) -> None:
    assert order_of(errors(name, CFG(3.0, **INTERVAL), nodes=False, **options)) < 1.5
    assert errors(name, CFG(3.0, **INTERVAL), nodes=False, **options)[-1] > 1e-3


def test_the_ends_as_levels_alone_do_not_give_the_order_back() -> None:
    """A step that ends at a jump needs D from its own side: the driver starts the sampler anew there."""
    sampler, guidance, found = benchbox.get("sampler", "heun"), CFG(3.0, sigma_high=1.61), []
    for n in LEVEL_COUNTS:
        cut = replace(levels(n).through(guidance.jumps), jumps=())
        noise = Noise(0, 0, 2, (1,), dtype=torch.float64)
        states = list(trajectory(sampler, guided(guidance, denoiser(pair(guidance)[1]), cut), cut, noise, "none"))
        exact = guided_factor(CONDITIONAL, UNCONDITIONAL, guidance, *ENDS)
        found.append(abs(float((states[-1] / states[0]).mean()) / exact - 1))
    assert order_of(found) < 1.2
    assert order_of(errors("heun", guidance)) == pytest.approx(2, abs=0.2)


def test_with_an_interval_the_exponents_are_s_between_its_ends_alone() -> None:
    guidance = CFG(3.0, **INTERVAL)
    assert errors("heun", guidance)[-1] < 1e-3
    for other in (CFG(1.0), CFG(3.0)):
        elsewhere = guided_factor(CONDITIONAL, UNCONDITIONAL, other, *ENDS)
        assert abs(factor_of(benchbox.get("sampler", "heun"), guidance, 257) / elsewhere - 1) > 0.1


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


class MiscountedAtAnEnd(CFG):
    """It claims two evaluations at sigma_low, where it takes one."""

    def cost(self, sigma: float) -> int:
        return 2 if self.sigma_low <= sigma <= self.sigma_high else 1


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
    ("guidance", "broken"),
    [
        (Miscounted(), {"cost"}),
        (MiscountedAtAnEnd(**INTERVAL), {"cost"}),
        (Stateful(), {"batch", "state"}),
        (OverTheBatch(), {"batch"}),
    ],
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
    inside = guided_certificate(benchbox.get("sampler", "heun"), CFG(3.0, **INTERVAL)).checks[1]
    assert inside.passed
    assert "where the ends of the interval are no levels" in inside.measured
    noisy = guided_certificate(benchbox.get("sampler", "ancestral"), benchbox.get("guidance", "cfg"))
    assert noisy.checks[0].passed is None
