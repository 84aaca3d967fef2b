"""diffusers' schedulers for unconditional models as samplers, named diffusers:Scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from benchbox import Sampler
from benchbox_diffusers.options import option_classes, table
from benchbox_diffusers.traits import BROKEN, TRAITS, Traits

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox import Levels
    from benchbox.denoiser import Denoiser
    from benchbox.noise import Noise

BIASED = ("clip_sample", "thresholding", "s_noise", "snr", "stochastic_sampling")
"""Options that change the law of the samples on purpose: data need not lie in [−1, 1], nor is a model distilled."""


@dataclass(frozen=True)
class Scheduled(Sampler):
    """A scheduler on the run's levels, called as in a pipeline. The driver takes the last step to σ = 0."""

    scheduler: ClassVar[str]

    @staticmethod
    def facts(name: str) -> dict[str, Any]:
        grid = f"diffusers:{name}" if TRAITS[name].own_levels else None
        options = table()[name]["solver"] | table()[name]["step"]
        return {
            "__doc__": f"diffusers' {name}: {TRAITS[name].what}.", "grid": grid,
            "biased_by": tuple(option for option in BIASED if option in options),
        }  # fmt: skip

    def __post_init__(self) -> None:
        for broken in BROKEN.get(self.scheduler, []):
            if all(getattr(self, option) == value for option, value in broken.items()):
                raise ValueError(f"diffusers fails for {' with '.join(f'{o}={v}' for o, v in broken.items())}.")

    @property
    def traits(self) -> Traits:
        return TRAITS[self.scheduler]

    @property
    def evals_per_step(self) -> int:
        return 2 if self.traits.second else 1

    def options_of(self, group: str) -> dict[str, Any]:
        """The options of the scheduler (solver) or of its `step`, with diffusers' names."""
        known = table()[self.scheduler][group]
        values = {known[f.name].get("argument", f.name): getattr(self, f.name) for f in fields(self) if f.name in known}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        import torch

        from benchbox_diffusers.build import Brownian, feed
        from benchbox_diffusers.walks import walk

        traits, step_options = self.traits, self.options_of("step")
        scheduler, evaluations = walk(self.scheduler, traits, self.options_of("solver"), grid)
        now = evaluations[0]

        def draw(*_: Any, **__: Any) -> Tensor:
            if hasattr(scheduler, "tau_func") and not scheduler.tau_func(now.timestep):
                return torch.zeros_like(x)  # SA-Solver draws noise even if it adds none
            return noise(now.sigma, now.sigma if now.reached is None else now.reached)

        feed(scheduler, draw)
        if hasattr(scheduler, "noise_sampler"):
            scheduler.noise_sampler = Brownian(noise)
        y = x * traits.scale(grid.sigmas[0])
        for now in evaluations:
            x = y / traits.scale(now.sigma)
            out = self.output(scheduler, x, denoise(x, now.sigma), now.sigma)
            y = scheduler.step(out, now.timestep, y, **step_options, return_dict=False)[0]
            if now.reached is not None:
                yield y / traits.scale(now.reached)

    def output(self, scheduler: Any, x: Tensor, denoised: Tensor, sigma: float) -> Tensor:
        """D(x, σ) converted to the network output that the scheduler expects."""
        eps, s = (x - denoised) / sigma, self.traits.scale(sigma)
        match self.traits.output:
            case "v":
                return s * eps - s * sigma * denoised
            case "flow":
                return eps - denoised
            case "flow-reversed":
                return denoised - eps
            case "score":
                return -eps / sigma
            case "edm":
                sigma_data = scheduler.config.sigma_data
                total = sigma**2 + sigma_data**2
                return (denoised - x * (sigma_data**2 / total)) * (total**0.5 / (sigma * sigma_data))
        return eps


class PNDM(Scheduled):
    """The first three intervals cost four evaluations each; without Runge–Kutta steps, the first costs two."""

    skip_prk_steps: ClassVar[bool]

    def evals(self, n_levels: int) -> int:
        intervals = n_levels - 1
        return intervals + (min(1, intervals) if self.skip_prk_steps else 3 * min(3, intervals))


class ScoreSde(Scheduled):
    """On each level, including the last, `correct_steps` corrector steps; then a predictor step."""

    correct_steps: ClassVar[int]

    def evals(self, n_levels: int) -> int:
        return (n_levels - 1) * (1 + self.correct_steps) + self.correct_steps

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        import torch

        from benchbox_diffusers.build import feed, make

        n = len(grid.sigmas)
        drawn: list[Tensor] = []
        scheduler = make(self.scheduler, self.options_of("solver"))
        scheduler.set_timesteps(n)
        scheduler.discrete_sigmas = torch.tensor(grid.sigmas[::-1], dtype=torch.float64)
        feed(scheduler, lambda *_, **__: drawn.pop())
        for i, (sigma, sigma_next) in enumerate(pairwise((*grid.sigmas, grid.sigmas[-1]))):
            for _ in range(self.correct_steps):
                score = self.output(scheduler, x, denoise(x, sigma), sigma)
                # one sample at a time, since the scheduler averages its norms over the batch
                drawn += reversed(noise(sigma, sigma).split(1))
                rows = zip(score.split(1), x.split(1), strict=True)
                x = torch.cat([scheduler.step_correct(*row, return_dict=False)[0].to(x) for row in rows])
            if i < n - 1:
                score = self.output(scheduler, x, denoise(x, sigma), sigma)
                drawn.append(noise(sigma, sigma_next))
                # the step finds its level by ⌊t (n − 1)⌋: use the middle of the interval
                timestep = torch.tensor((n - 1 - i + 0.5) / max(n - 1, 1))
                x = scheduler.step_pred(score, timestep, x, return_dict=False)[0].to(x)
            yield x


BASES: dict[str, type[Scheduled]] = {"PNDMScheduler": PNDM, "ScoreSdeVeScheduler": ScoreSde}
SAMPLERS: list[type[Scheduled]] = option_classes(__name__, ("solver", "step"), lambda name: BASES.get(name, Scheduled))
globals().update({cls.__name__: cls for cls in SAMPLERS})  # so that instances can be pickled
