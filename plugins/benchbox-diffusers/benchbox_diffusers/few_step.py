"""diffusers' schedulers for distilled networks as samplers: each step jumps to the data and adds noise again."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchbox import Grid, Sampler, Schedule
from benchbox_diffusers.grids import training_sigmas

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from benchbox import Levels
    from benchbox.denoiser import Denoiser
    from benchbox.noise import Noise


class FewStep(Sampler):
    """A scheduler on the run's levels, given the model's jump to the data. The driver takes the last jump."""

    scheduler: ClassVar[str]
    grid = "karras-open"
    uses_jumps = "consistency"

    @abstractmethod
    def placed(self, levels: Levels) -> Any:
        """The scheduler with these levels, of which the first is the next."""

    @abstractmethod
    def scale(self, sigma: float) -> float:
        """The scale s of the scheduler's state y = s x."""

    @abstractmethod
    def output(self, x: Tensor, end: Tensor, sigma: float) -> Tensor:
        """The network output that the scheduler takes for a jump from x at σ to `end`."""

    def step_options(self) -> dict[str, Any]:
        return {}

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        from benchbox_diffusers.build import feed

        scheduler = self.placed(grid)
        for i, (sigma, sigma_next) in enumerate(pairwise(grid.sigmas)):
            feed(scheduler, lambda *_, ends=(sigma, sigma_next), **__: noise(*ends))
            out = self.output(x, denoise.jump(x, sigma, 0.0), sigma)
            y = x * self.scale(sigma)
            y = scheduler.step(out, scheduler.timesteps[i], y, **self.step_options(), return_dict=False)[0]
            x = (y / self.scale(sigma_next)).to(x)
            yield x


class OfTable(FewStep):
    """A scheduler whose levels are among those of its training steps, in the variance-preserving frame."""

    def placed(self, levels: Levels) -> Any:
        """Its training steps are those of the run's schedule; the nearest to each level is moved there."""
        import torch

        from benchbox_diffusers.build import make, set_table

        schedule = levels.schedule
        table = training_sigmas(schedule, schedule.t_min, schedule.t_max)
        steps = nearest_steps(table, levels.sigmas)
        table[steps] = levels.sigmas
        scheduler = make(self.scheduler, {"num_train_timesteps": len(table), "prediction_type": "sample"})
        set_table(scheduler, table)
        scheduler.timesteps, scheduler.num_inference_steps = torch.as_tensor(steps), len(steps)
        scheduler.set_begin_index(0)
        return scheduler

    def scale(self, sigma: float) -> float:
        return 1 / math.sqrt(1 + sigma**2)

    def output(self, x: Tensor, end: Tensor, sigma: float) -> Tensor:
        return end


def nearest_steps(table: Any, sigmas: tuple[float, ...]) -> list[int]:
    """The indices of the σ in an increasing table nearest to decreasing levels. ValueError where two coincide."""
    steps = [int(np.abs(np.log(table / sigma)).argmin()) for sigma in sigmas]
    if len(set(steps)) < len(steps):
        raise ValueError("two levels are nearest to the same training step: take fewer levels")
    return steps


@dataclass(frozen=True)
class LCM(OfTable):
    """diffusers' LCMScheduler: latent consistency models (Luo et al. 2023, arXiv:2310.04378).

    x ← f + σ' z with f = c_skip y + c_out x_0, c_skip = ¼/((k t)² + ¼), t the training step and k the option
    timestep_scaling: it differs from `consistency` at the least training steps alone.
    """

    name = "diffusers:LCMScheduler"
    scheduler = "LCMScheduler"
    timestep_scaling: float = 10.0

    def placed(self, levels: Levels) -> Any:
        scheduler = super().placed(levels)
        scheduler.register_to_config(timestep_scaling=self.timestep_scaling)
        return scheduler


@dataclass(frozen=True)
class TCDOfDiffusers(OfTable):
    """diffusers' TCDScheduler: trajectory consistency distillation (Zheng et al. 2024, arXiv:2402.19159).

    To the training step s = ⌊(1 − η) t'⌋ on the line through x and x_0, then noise up to t'. `tcd` asks the model
    itself for the jump to s; the line is that jump for networks distilled so. The driver's last jump leads to the data,
    the scheduler's to the least training step.
    """

    name = "diffusers:TCDScheduler"
    scheduler = "TCDScheduler"
    continuous_limit = False
    eta: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1:
            raise ValueError("eta must be from 0 to 1.")

    def step_options(self) -> dict[str, Any]:
        return {"eta": self.eta}


@dataclass(frozen=True)
class CM(FewStep):
    """diffusers' CMStochasticIterativeScheduler: multistep consistency sampling (Song et al. 2023, algorithm 1).

    x ← f + √(σ'² − ε²) z, ε the option sigma_min. s_noise multiplies the noise. clip_denoised clips f to [−1, 1], but
    for the driver's last jump.
    """

    name = "diffusers:CMStochasticIterativeScheduler"
    scheduler = "CMStochasticIterativeScheduler"
    biased_by = ("s_noise", "sigma_min", "clip_denoised")
    sigma_min: float = 0.002
    s_noise: float = 1.0
    clip_denoised: bool = False

    def placed(self, levels: Levels) -> Any:
        import torch

        from benchbox_diffusers.build import make

        n, sigma_max = len(levels.sigmas), max(levels.sigmas[0], self.sigma_min)
        options = {"num_train_timesteps": n + 1, "sigma_min": self.sigma_min, "sigma_max": sigma_max}
        scheduler = make(self.scheduler, options | {"s_noise": self.s_noise, "clip_denoised": self.clip_denoised})
        scheduler.sigmas = torch.tensor([*levels.sigmas, self.sigma_min], dtype=torch.float64)
        scheduler.timesteps = torch.as_tensor(scheduler.sigma_to_t(np.array(levels.sigmas)))
        scheduler.is_scale_input_called = True
        scheduler.set_begin_index(0)
        return scheduler

    def scale(self, sigma: float) -> float:
        return 1.0

    def output(self, x: Tensor, end: Tensor, sigma: float) -> Tensor:
        """F of f = c_skip x + c_out F, with the scalings at the boundary ε (Song et al. 2023, app. C), σ_data = ½."""
        above, total = sigma - self.sigma_min, sigma**2 + 0.25
        c_skip, c_out = 0.25 / (above**2 + 0.25), above * 0.5 / math.sqrt(total)
        return (end - c_skip * x) / c_out


@dataclass(frozen=True)
class FlowMatchLCM(FewStep):
    """diffusers' FlowMatchLCMScheduler: consistency sampling on a flow, y ← (1 − t') x_0 + t' n, t = σ/(1 + σ)."""

    name = "diffusers:FlowMatchLCMScheduler"
    scheduler = "FlowMatchLCMScheduler"

    def placed(self, levels: Levels) -> Any:
        import torch

        from benchbox_diffusers.build import make

        scheduler = make(self.scheduler, {})
        sigma = torch.tensor([*levels.sigmas, 0.0], dtype=torch.float64)
        scheduler.sigmas = sigma / (1 + sigma)
        scheduler.timesteps = 1000 * scheduler.sigmas[:-1]
        scheduler.set_begin_index(0)
        return scheduler

    def scale(self, sigma: float) -> float:
        return 1 / (1 + sigma)

    def output(self, x: Tensor, end: Tensor, sigma: float) -> Tensor:
        return (x - end) / sigma - end


@dataclass(frozen=True)
class SCM(FewStep):
    """diffusers' SCMScheduler, of Sana Sprint (Chen et al. 2025, arXiv:2503.09641): consistency sampling in TrigFlow.

    y ← cos t' x_0 + sin t' σ_d z, tan t = σ/σ_d, σ_d the option sigma_data (Lu & Song 2024, arXiv:2410.11081, §3).
    """

    name = "diffusers:SCMScheduler"
    scheduler = "SCMScheduler"
    sigma_data: float = 0.5

    def __post_init__(self) -> None:
        if not self.sigma_data > 0:
            raise ValueError("sigma_data must be above 0.")

    def placed(self, levels: Levels) -> Any:
        import torch

        from benchbox_diffusers.build import make

        scheduler = make(self.scheduler, {"sigma_data": self.sigma_data})
        scheduler.num_inference_steps = len(levels.sigmas)
        scheduler.timesteps = (torch.tensor([*levels.sigmas, 0.0], dtype=torch.float64) / self.sigma_data).arctan()
        scheduler.set_begin_index(0)
        return scheduler

    def scale(self, sigma: float) -> float:
        return math.cos(math.atan(sigma / self.sigma_data))

    def output(self, x: Tensor, end: Tensor, sigma: float) -> Tensor:
        """v of x_0 = cos t y − sin t v."""
        t = math.atan(sigma / self.sigma_data)
        return (math.cos(t) ** 2 * x - end) / math.sin(t)


@dataclass(frozen=True)
class LCMLevels(Grid):
    """The levels of diffusers' LCMScheduler: n of the levels of the distillation, spaced evenly from the noisiest.

    training: the levels of the distillation (original_inference_steps), at equal steps of the training's.
    """

    name = "diffusers:LCMScheduler"
    training: int = 50

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        first, last = self.ends(schedule)
        table = training_sigmas(schedule, last, first)
        if n_levels > self.training or self.training > len(table):
            raise ValueError(f"it has {self.training} levels of {len(table)} training steps")
        steps = np.arange(1, self.training + 1) * (len(table) // self.training) - 1
        chosen = np.floor(np.linspace(0, self.training, n_levels, endpoint=False)).astype(int)
        return np.clip(np.asarray(schedule.time(table[steps[::-1][chosen]])), last, first)


@dataclass(frozen=True)
class SCMLevels(Grid):
    """The levels of diffusers' SCMScheduler for data of standard deviation 1: σ = tan t, from t = π/2.

    Two jumps start at π/2 and at `middle`; another number of them at equal steps of t (Chen et al. 2025).
    """

    name = "diffusers:SCMScheduler"
    middle: float = 1.3

    def __call__(self, schedule: Schedule, n_levels: int) -> NDArray[np.float64]:
        first, last = self.ends(schedule)
        angles = np.linspace(np.pi / 2, 0, n_levels + 1)[1:-1] if n_levels != 2 else np.array([self.middle])
        return np.array([first, *np.clip(np.asarray(schedule.time(np.tan(angles))), last, first)])


FEW_STEP: list[type[FewStep]] = [LCM, TCDOfDiffusers, CM, FlowMatchLCM, SCM]
