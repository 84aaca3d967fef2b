"""The sequence of network evaluations of a scheduler on given levels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from benchbox_diffusers.build import make, set_table
from benchbox_diffusers.traits import Traits

if TYPE_CHECKING:
    from benchbox import Levels


@dataclass(frozen=True)
class Evaluation:
    """One call of `step`: the level of the state before it, the timestep, and the level reached if an interval ends."""

    sigma: float
    timestep: Any
    reached: float | None


def walk(name: str, traits: Traits, config: dict[str, Any], levels: Levels) -> tuple[Any, list[Evaluation]]:
    """The scheduler on these levels, and its evaluations from the first to the last level."""
    if traits.levels == "pndm":
        return pndm(config, levels)
    options = {"num_train_timesteps": len(levels.sigmas), "timestep_spacing": "trailing", "prediction_type": "epsilon"}
    scheduler = make(name, options | last_step(name, config))
    place = {"table": place_in_table, "sigmas": place_in_sigmas, "ipndm": place_in_betas}[traits.levels]
    place(scheduler, traits, levels)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    scheduler.is_scale_input_called = True  # silences a warning: the state is scaled here
    return scheduler, list(evaluations(scheduler, traits, levels))


def last_step(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """The options, adjusted to a last step to σ = 0, which is never taken. Schedulers adjust them with a warning."""
    zero = config.get("algorithm_type") not in ("dpmsolver", "sde-dpmsolver")
    options = config | {"final_sigmas_type": "zero" if zero else "sigma_min"}
    if name == "DPMSolverSinglestepScheduler":
        options["lower_order_final"] = True
    return options


def evaluations(scheduler: Any, traits: Traits, levels: Levels) -> Iterator[Evaluation]:
    """One or two evaluations per interval."""
    timesteps = iter(scheduler.timesteps)
    for i, (sigma, sigma_next) in enumerate(pairwise(levels.sigmas)):
        timestep = next(timesteps)
        if hasattr(scheduler, "tau_func"):
            # SA-Solver decides by the training step, of 1000, whether to add noise
            timestep = round(1000 * levels.times[i]) - 1
        if traits.second is None:
            yield Evaluation(sigma, timestep, sigma_next)
            continue
        yield Evaluation(sigma, timestep, None)
        middle = sigma_next if traits.second == "end" else math.sqrt(sigma * sigma_next)
        yield Evaluation(middle, next(timesteps), sigma_next)


def place_in_table(scheduler: Any, traits: Traits, levels: Levels) -> None:
    """The levels become the training steps, and all of them are visited."""
    n = len(levels.sigmas)
    set_table(scheduler, np.array(levels.sigmas[::-1]))
    if "timestep_spacing" in scheduler.config or not hasattr(scheduler, "order_list"):
        scheduler.set_timesteps(n)
    else:
        scheduler.set_timesteps(timesteps=list(range(n))[::-1])


def place_in_sigmas(scheduler: Any, traits: Traits, levels: Levels) -> None:
    """Set `sigmas` to σ, or σ/(1+σ) for a flow, and a final 0; inner levels twice with a second evaluation."""
    import torch

    sigma = torch.tensor([*levels.sigmas, 0.0], dtype=torch.float64)
    if traits.frame == "flow":
        sigma = sigma / (1 + sigma)
    if traits.frame == "flow" and not traits.second:
        scheduler.set_timesteps(sigmas=sigma if traits.output == "flow-reversed" else sigma.tolist())
    else:
        scheduler.set_timesteps(len(levels.sigmas))
    if traits.second:
        sigma = torch.cat([sigma[:1], sigma[1:-1].repeat_interleave(2), sigma[-1:]])
    scheduler.sigmas = sigma
    scheduler.timesteps = 1 - sigma[:-1] if traits.output == "flow-reversed" else sigma[:-1]


def place_in_betas(scheduler: Any, traits: Traits, levels: Levels) -> None:
    """Set IPNDM's `alphas` and `betas`, the factors of x_0 and of the noise."""
    import torch

    scheduler.set_timesteps(len(levels.sigmas))
    sigma = torch.tensor([*levels.sigmas, 0.0], dtype=torch.float64)
    scheduler.alphas = 1 / (1 + sigma**2).sqrt()
    scheduler.betas = sigma * scheduler.alphas


def pndm(config: dict[str, Any], levels: Levels) -> tuple[Any, list[Evaluation]]:
    """PNDM. Its Runge–Kutta steps on the first three intervals also evaluate at the middle of the schedule's time."""
    sigmas = list(levels.sigmas)
    sigmas += [sigmas[-1] / 2**k for k in range(1, 5 - len(sigmas))]  # it plans three intervals even if fewer are used
    middles = [float(levels.schedule.sigma((a + b) / 2)) for a, b in pairwise(levels.times)]
    middles += [math.sqrt(a * b) for a, b in list(pairwise(sigmas))[len(middles) :]]
    table = np.empty(2 * len(sigmas))
    table[::2], table[1:-1:2], table[-1] = sigmas[::-1], middles[::-1], 2 * sigmas[0]
    scheduler = make("PNDMScheduler", {"num_train_timesteps": len(table), "timestep_spacing": "leading"} | config)
    set_table(scheduler, table)
    scheduler.set_timesteps(len(sigmas))
    intervals, steps = len(levels.sigmas) - 1, list[Evaluation]()
    prk = 0 if config["skip_prk_steps"] else min(3, intervals)
    n = intervals + (1 if config["skip_prk_steps"] else 3 * prk)
    reached = sigmas[:1]
    for i, timestep in enumerate(scheduler.timesteps[:n]):
        within = i == 0 if config["skip_prk_steps"] else i < 4 * prk and i % 4 < 3
        if not within:
            reached.append(sigmas[len(reached)])
        steps.append(Evaluation(float(table[int(timestep)]), timestep, None if within else reached[-1]))
    return scheduler, steps
