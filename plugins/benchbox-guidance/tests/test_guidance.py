"""The guidances against their papers' steps, diffusers' guiders, and benchbox's conformance suite."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from benchbox_guidance import APG, CFGPlusPlus, CFGZeroStar
from torch import Tensor

import benchbox
from benchbox import Levels
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.guided_budgets import wrong_budgets
from benchbox.guidance import guided
from benchbox.noise import Noise
from benchbox.testing import check_guidance

LEVELS = Levels.cut(benchbox.get("schedule", "edm"), benchbox.get("grid", "karras"), 9)


def denoiser(n: int = 6) -> Denoiser:
    made = Denoiser(benchbox.get("model", "mixture").conditioned(), torch.device("cpu"), torch.float64)
    made.at(torch.arange(n))
    return made


def states(n: int = 6) -> Tensor:
    return 3 * torch.randn(n, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("guidance", [APG(), APG(eta=1.0, norm=0.0, momentum=0.0), CFGZeroStar(), CFGPlusPlus()])
def test_conformance(guidance: benchbox.Guidance) -> None:
    check_guidance(guidance)


def test_apg_without_its_projection_limit_and_momentum_is_cfg() -> None:
    denoise, x = denoiser(), states()
    found = APG(scale=3.0, eta=1.0, norm=0.0, momentum=0.0)(denoise, LEVELS)(x, 1.3)
    torch.testing.assert_close(found, benchbox.get("guidance", "cfg", scale=3.0)(denoise, LEVELS)(x, 1.3))


@pytest.mark.parametrize(("eta", "norm", "momentum"), [(0.0, 15.0, -0.5), (1.0, 0.3, -0.5), (0.4, 2.0, 0.0)])
def test_apg_agrees_with_diffusers_guider_on_d(eta: float, norm: float, momentum: float) -> None:
    guiders = pytest.importorskip("diffusers.guiders.adaptive_projected_guidance")
    denoise, buffer = denoiser(), guiders.MomentumBuffer(momentum)
    ask = APG(scale=4.0, eta=eta, norm=norm, momentum=momentum)(denoise, LEVELS)
    for sigma in LEVELS.sigmas:
        x = states() + sigma
        exact = guiders.normalized_guidance(*denoise.both(x, sigma), 3.0, buffer, eta, norm, True)
        torch.testing.assert_close(ask(x, sigma), exact, rtol=1e-5, atol=1e-5)


def test_cfg_zero_star_agrees_with_diffusers_guider_on_the_velocity() -> None:
    guiders = pytest.importorskip("diffusers.guiders.classifier_free_zero_star_guidance")
    denoise, x = denoiser(), states()
    ask = CFGZeroStar(scale=3.0)(denoise, LEVELS)
    for step, sigma in enumerate(LEVELS.sigmas[:6]):
        guider = guiders.ClassifierFreeZeroStarGuidance(guidance_scale=3.0, zero_init_steps=1)
        guider._step = step
        v_c, v_u = ((x - (1 + sigma) * d) / sigma for d in denoise.both(x, sigma))
        v = (x - (1 + sigma) * ask(x, sigma)) / sigma
        torch.testing.assert_close(v, guider.forward(v_c, v_u).pred, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rescale", [0.0, 0.7, 1.0])
def test_cfg_with_rescale_agrees_with_diffusers_guider_on_d(rescale: float) -> None:
    guiders = pytest.importorskip("diffusers.guiders.classifier_free_guidance")
    denoise, x = denoiser(), states()
    ask = benchbox.get("guidance", "cfg", scale=3.0, rescale=rescale)(denoise, LEVELS)
    guider = guiders.ClassifierFreeGuidance(guidance_scale=3.0, guidance_rescale=rescale)
    exact = guider.forward(*denoise.both(x, 1.3)).pred
    torch.testing.assert_close(ask(x, 1.3), exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["ddim", "heun", "ancestral", "pc", "annealed-langevin", "euler-maruyama", "ode"])
def test_the_counter_agrees_with_the_plan_at_every_budget(name: str) -> None:
    sampler = benchbox.get("sampler", name)
    assert list(wrong_budgets(sampler, [APG(), CFGZeroStar(), CFGPlusPlus()], 24)) == []


def test_the_solvers_spend_what_is_planned() -> None:
    solvers = pytest.importorskip("benchbox_solvers")
    for cls in solvers.benchbox_samplers():
        assert list(wrong_budgets(cls(), [APG(), CFGZeroStar(), CFGPlusPlus()], 24)) == []


def test_cfg_plus_plus_under_ddim_is_the_step_of_the_paper() -> None:
    denoise, lam, noise = denoiser(), 0.6, Noise(0, 0, 6, (2,), dtype=torch.float64)
    ask = guided(CFGPlusPlus(lambda_=lam), denoise, LEVELS)
    found = list(trajectory(benchbox.get("sampler", "ddim"), ask, LEVELS, noise))
    x = found[0]
    for (sigma, sigma_next), state in zip(pairwise([*LEVELS.sigmas, 0.0]), found[1:], strict=True):
        d_c, d_u = denoise.both(x, sigma)
        x = d_u + lam * (d_c - d_u) + sigma_next / sigma * (x - d_u)
        torch.testing.assert_close(state, x, rtol=1e-12, atol=1e-12)
