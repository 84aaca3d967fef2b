"""Schedulers for distilled networks: side by side with diffusers' own loop, on the exact jump of Gaussian data."""

from __future__ import annotations

import math
from typing import Any

import diffusers
import pytest
import torch
from benchbox_diffusers.few_step import FEW_STEP
from benchbox_diffusers.traits import FEW_STEPS
from conftest import fed, noise, run
from torch import Tensor

import benchbox
from benchbox import Levels
from benchbox.errors import UsageError
from benchbox.exact.law import noised, propagate

GAUSSIAN = benchbox.get("model", "gaussian")
LINEAR = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("LCMScheduler", {}, "ddpm"),
    ("LCMScheduler", {"timestep_scaling": 0.001}, "ddpm"),
    ("TCDScheduler", {}, "ddpm"),
    ("TCDScheduler", {"eta": 0.0}, "ddpm"),
    ("TCDScheduler", {"eta": 1.0}, "ddpm"),
    ("CMStochasticIterativeScheduler", {}, "edm"),
    ("CMStochasticIterativeScheduler", {"s_noise": 0.7}, "edm"),
    ("FlowMatchLCMScheduler", {}, "flow"),
    ("SCMScheduler", {}, "edm"),
    ("SCMScheduler", {"sigma_data": 1.3}, "edm"),
]


def made(name: str, options: dict[str, Any]) -> tuple[Any, list[float]]:
    """The scheduler on its own levels for four steps, and these."""
    known = {option: value for option, value in options.items() if option != "eta"}
    match name:
        case "LCMScheduler" | "TCDScheduler":
            scheduler = getattr(diffusers, name)(**LINEAR, **known, prediction_type="sample", clip_sample=False)
            scheduler.set_timesteps(4)
            table = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod).sqrt()
            return scheduler, [float(sigma) for sigma in table[scheduler.timesteps]]
        case "SCMScheduler":
            scheduler = diffusers.SCMScheduler(**known)
            start = math.atan(80 / scheduler.config.sigma_data)
            scheduler.set_timesteps(4, max_timesteps=start, intermediate_timesteps=None)
            return scheduler, (scheduler.timesteps[:-1].double().tan() * scheduler.config.sigma_data).tolist()
        case "FlowMatchLCMScheduler":
            scheduler = diffusers.FlowMatchLCMScheduler(shift=3.0)
            scheduler.set_timesteps(sigmas=[0.99, 0.75, 0.5, 0.25])
            return scheduler, [float(t / (1 - t)) for t in scheduler.sigmas[:-1].double()]
    scheduler = diffusers.CMStochasticIterativeScheduler(**known, clip_denoised=False)
    scheduler.set_timesteps(4)
    return scheduler, [float(sigma) for sigma in scheduler.sigmas[:-1]]


@pytest.mark.parametrize(("name", "options", "schedule"), CASES)
def test_same_samples_as_the_schedulers_own_loop(name: str, options: dict[str, Any], schedule: str) -> None:
    scheduler, sigmas = made(name, options)
    sampler = benchbox.get("sampler", f"diffusers:{name}", **options)
    native = benchbox.get("schedule", schedule)
    times = tuple(float(native.time(sigma)) for sigma in sigmas)
    cut = Levels(native, times, tuple(sigmas))
    jump, draws = GAUSSIAN.jump("cpu"), noise()
    x = draws(0.0, 0.0) * cut.start_std
    y, states = x * sampler.scale(sigmas[0]), [x]
    step = {"eta": options.get("eta", 0.3)} if name == "TCDScheduler" else {}
    timesteps = scheduler.timesteps[:4]
    for sigma, t in zip(sigmas, timesteps, strict=True):
        scheduler.is_scale_input_called = True
        x = y / sampler.scale(sigma)
        states.append(x)
        out = sampler.output(x, jump(x, sigma, 0.0), sigma)
        with fed(f"schedulers.{type(scheduler).__module__.rpartition('.')[2]}", lambda: draws(0.0, 0.0)):
            y = scheduler.step(out, t, y, **step, return_dict=False)[0]
    last, spent = run(sampler, cut, noise(), final="none")
    assert spent == 3
    assert float((last - states[-1]).abs().max() / states[-1].abs().max()) < 1e-4
    sample, spent = run(sampler, cut, noise())
    assert spent == 4
    if name in ("SCMScheduler", "FlowMatchLCMScheduler"):  # whose own last step is the jump to the data
        assert float((sample - y).abs().max() / y.abs().max()) < 1e-4


@pytest.mark.parametrize("cls", [cls for cls in FEW_STEP if cls.scheduler != "TCDScheduler"])
def test_they_keep_the_law_of_gaussian_data(cls: type[Any]) -> None:
    """On the line of TCDScheduler the exact jump does not move, so it does not."""
    schedule = benchbox.get("schedule", "ddpm")
    cut = Levels.cut(schedule, benchbox.get("grid", "karras", sigma_min=0.3, sigma_max=80.0), 5)
    law = propagate(cls(), GAUSSIAN, cut)
    exact = noised(GAUSSIAN, cut.sigmas[-1])
    assert law.w2(exact, noised(GAUSSIAN, cut.sigmas[0])) < 1e-3


def test_all_are_offered_and_refuse_a_denoiser() -> None:
    assert {cls.scheduler for cls in FEW_STEP} == set(FEW_STEPS)
    for name in FEW_STEPS:
        with pytest.raises(UsageError, match="needs a model that jumps and mnist-edm is a denoiser"):
            benchbox.sample(f"diffusers:{name}", model="mnist-edm", nfe=2, n=1)


def test_two_levels_at_one_training_step_are_refused() -> None:
    schedule = benchbox.get("schedule", "ddpm")
    times = (0.5, 0.5 - 1e-5)
    cut = Levels(schedule, times, tuple(float(schedule.sigma(t)) for t in times))
    with pytest.raises(ValueError, match="nearest to the same training step"):
        run(benchbox.get("sampler", "diffusers:LCMScheduler"), cut, noise())


def test_they_run_on_a_distilled_model() -> None:
    x: Tensor = benchbox.sample("diffusers:LCMScheduler", model="mnist-consistency", nfe=2, n=2)
    assert bool(torch.isfinite(x).all())
