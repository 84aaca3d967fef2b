"""Side by side with diffusers' own loop: its own schedule, levels and steps, on our noise."""

from __future__ import annotations

from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from benchbox_diffusers.traits import ALL
from conftest import fed, levels, noise, run
from torch import Tensor

import benchbox
from benchbox.noise import Noise

STEPS = 10
LINEAR = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
LEADING = {"timestep_spacing": "leading"}
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("DDIMScheduler", {}, LEADING),
    ("DDIMScheduler", {}, {"timestep_spacing": "trailing"}),
    ("DDPMScheduler", {}, LEADING),
    ("DDPMScheduler", {"variance_type": "fixed_large"}, LEADING),
    ("DPMSolverMultistepScheduler", {}, {}),
    ("DPMSolverMultistepScheduler", {"solver_order": 3}, {"use_karras_sigmas": True}),
    ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, {"timestep_spacing": "trailing"}),
    ("DPMSolverMultistepScheduler", {"solver_type": "heun"}, {"use_lu_lambdas": True}),
    ("DPMSolverSinglestepScheduler", {}, {}),
    ("DPMSolverSinglestepScheduler", {"solver_order": 3}, {"use_karras_sigmas": True}),
    ("DEISMultistepScheduler", {"solver_order": 3}, {}),
    ("UniPCMultistepScheduler", {}, {}),
    ("UniPCMultistepScheduler", {"solver_order": 3, "solver_type": "bh1"}, {"use_exponential_sigmas": True}),
    ("UniPCMultistepScheduler", {"disable_corrector": (0, 1)}, {}),
    ("SASolverScheduler", {}, {}),
    ("SASolverScheduler", {"predictor_order": 3, "corrector_order": 4}, LEADING),
    ("PNDMScheduler", {}, LEADING),
    ("PNDMScheduler", {"skip_prk_steps": True}, LEADING),
    ("EulerDiscreteScheduler", {}, LEADING | {"steps_offset": 1}),
    ("EulerDiscreteScheduler", {}, {"use_beta_sigmas": True}),
    ("EulerAncestralDiscreteScheduler", {}, {}),
    ("HeunDiscreteScheduler", {}, {"use_karras_sigmas": True}),
    ("LMSDiscreteScheduler", {}, {"use_karras_sigmas": True}),
    ("KDPM2DiscreteScheduler", {}, {"use_karras_sigmas": True}),
    ("KDPM2AncestralDiscreteScheduler", {}, {"use_karras_sigmas": True}),
]
OTHER_END = {"DEISMultistepScheduler", "LMSDiscreteScheduler", "PNDMScheduler", "SASolverScheduler"}
"""Schedulers whose last step is not D: they extrapolate, or end at the least training step."""


def theirs(name: str, options: dict[str, Any], draws: Noise) -> tuple[Tensor, Tensor, list[float]]:
    """The state x at the last level, the samples, and the levels; from N(0, 1 + σ²)."""
    options = {option: list(v) if isinstance(v, tuple) else v for option, v in options.items()}
    clip = {"clip_sample": False} if name in ("DDIMScheduler", "DDPMScheduler") else {}
    scheduler = getattr(diffusers, name)(**LINEAR, **clip, **options)
    scheduler.set_timesteps(STEPS)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    module = f"schedulers.{type(scheduler).__module__.rpartition('.')[2]}"
    denoise = benchbox.get("model", "gaussian").denoiser("cpu")
    x, found = draws(0.0, 0.0), levels_of(scheduler)
    x = x * (1 + found[0] ** 2) ** 0.5
    y, t = x * ALL[name].scale(found[0]), None

    def draw() -> Tensor:
        # SA-Solver draws at every step, and multiplies by zero at most
        return draws(0.0, 0.0) if not hasattr(scheduler, "tau_func") or scheduler.tau_func(t) else torch.zeros_like(y)

    for sigma, t in zip(found, scheduler.timesteps, strict=True):
        scheduler.scale_model_input(y, t)
        x = y / ALL[name].scale(sigma)
        with fed(module, draw):
            y = scheduler.step((x - denoise(x, sigma)) / sigma, t, y, return_dict=False)[0]
    return x, y, found


def levels_of(scheduler: Any) -> list[float]:
    """The level of each call of the network."""
    interpolated = getattr(scheduler, "sigmas_interpol", None)
    table = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod).sqrt()
    found = scheduler.sigmas[: len(scheduler.timesteps)].clone() if hasattr(scheduler, "sigmas") else None
    if interpolated is not None:
        shift = isinstance(scheduler, diffusers.KDPM2AncestralDiscreteScheduler)
        found[1::2] = interpolated[:-1][1 - shift : len(found) - shift : 2]
    return [float(sigma) for sigma in (table[scheduler.timesteps] if found is None else found)]


@pytest.mark.parametrize(("name", "options", "spacing"), CASES)
def test_same_samples(name: str, options: dict[str, Any], spacing: dict[str, Any]) -> None:
    x, y, sigmas = theirs(name, options | spacing, noise())
    cut = levels(f"diffusers:{name}", STEPS, **spacing)
    if name != "PNDMScheduler":
        visited = [sigma for i, sigma in enumerate(sigmas) if ALL[name].second is None or i % 2 == 0]
        np.testing.assert_allclose(cut.sigmas, visited, rtol=1e-4)
    sampler = benchbox.get("sampler", f"diffusers:{name}", **options)
    last, _ = run(sampler, cut, noise(), final="none")
    assert float((last - x).abs().max() / x.abs().max()) < 1e-4
    if name not in OTHER_END and options.get("solver_type") != "bh1":  # whose last step is NaN in diffusers
        sample, _ = run(sampler, cut, noise())
        assert float((sample - y).abs().max() / y.abs().max()) < 1e-4
