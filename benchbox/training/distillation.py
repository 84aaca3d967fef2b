"""Distillation of a model into a consistency model, which jumps from any noise level to the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from benchbox.denoiser import Denoiser
from benchbox.driver import walk
from benchbox.grid import Levels
from benchbox.model import Model
from benchbox.options import describe
from benchbox.prediction import Wrapped, to_denoised
from benchbox.sampler import Sampler
from benchbox.training.loop import Trainer

DRAWN, STEPS_EACH = 64, 8
"""Trajectories that the teacher draws at once, and the steps of the training that use them."""


def pseudo_huber(error: Tensor) -> Tensor:
    """√(‖e‖² + c²) − c of each row of a batch, c = 0.00054 √d (Song & Dhariwal 2023, arXiv:2310.14189, eq. 7–8)."""
    c = 0.00054 * math.sqrt(error[0].numel())
    return (error.flatten(1).square().sum(1) + c**2).sqrt() - c


@dataclass(frozen=True)
class Trajectories:
    """Trajectories of the ODE: the states (n, *shape) at some levels, their ends, and the conditions of the samples."""

    sigmas: tuple[float, ...]
    states: tuple[Tensor, ...]
    end: Tensor
    conditions: dict[str, Tensor]

    def points(self, n: int, generator: torch.Generator) -> Iterator[tuple[float, Tensor, Tensor, dict[str, Tensor]]]:
        """At each level n states, of other trajectories than at the next, with their ends and conditions."""
        for sigma, x in zip(self.sigmas, self.states, strict=True):
            rows = torch.randperm(len(x), generator=generator, device=x.device)[:n]
            yield sigma, x[rows], self.end[rows], {name: value[rows] for name, value in self.conditions.items()}


@dataclass(frozen=True)
class Distillation:
    """The loss of a consistency function f on trajectories of a teacher, E ‖f(x_σ, σ) − x_0‖ (pseudo-Huber).

    By its definition f takes each point of a trajectory of the probability-flow ODE to its end (Song et al. 2023,
    arXiv:2303.01469, §3). `solver` draws trajectories of the teacher from noise, on `n_levels` levels, and f is fitted
    to all their points at once. Algorithm 2 of the paper fits f to itself one level further down; its error builds up
    over the levels, so it takes many more steps. Luhman & Luhman 2021, arXiv:2101.02388, fit the first point alone.

    The levels are Karras's; those between are shifted by up to half an interval each time, so that f learns every
    level. student: the network as a denoiser, whose output is now f: D(x, σ) → x as σ → 0, as f must.
    """

    teacher: Denoiser
    student: Wrapped
    solver: Sampler
    n_levels: int = 5
    sigma_min: float = 0.05
    rho: float = 7.0

    @property
    def identity(self) -> dict[str, Any]:
        model, solver = self.teacher.model, self.solver
        options = {f"{solver.name}.{name}": value for name, value in describe(solver).items()}
        teacher = {"teacher": model.title, "teacher.sha256": model.sha256}
        levels = {"levels": self.n_levels, "sigma_min": self.sigma_min, "rho": self.rho}
        return teacher | {"solver": solver.name, **options, **levels, "drawn": DRAWN, "steps_each": STEPS_EACH}

    def levels(self, shift: float) -> Levels:
        """The levels of some trajectories; shift in −½ … ½ intervals."""
        schedule, last = self.teacher.model.schedule, self.n_levels - 1
        first_root = float(schedule.sigma(schedule.t_max)) ** (1 / self.rho)
        last_root = max(float(schedule.sigma(schedule.t_min)), self.sigma_min) ** (1 / self.rho)
        positions = [0.0, *(i + shift for i in range(1, last)), last]
        sigmas = tuple((first_root + (last_root - first_root) * p / last) ** self.rho for p in positions)
        return Levels(schedule, tuple(float(schedule.time(sigma)) for sigma in sigmas), sigmas)

    @torch.no_grad()
    def draw(self, noise: Tensor, shift: float, conditions: dict[str, Tensor]) -> Trajectories:
        """The teacher's trajectories from standard normal noise (n, *shape)."""
        levels = self.levels(shift)
        start = noise * levels.start_std
        self.teacher.conditions = conditions
        states = [start, *walk(self.solver, self.teacher, start, levels, no_noise)]  # type: ignore[arg-type]  # never called
        return Trajectories(levels.sigmas, tuple(states), self.teacher(states[-1], levels.sigmas[-1]), conditions)

    def __call__(self, network: nn.Module, trajectories: Trajectories, n: int, generator: torch.Generator) -> Tensor:
        """The mean loss over n points at each level, in one call of the network."""
        sigmas, states, ends, conditions = zip(*trajectories.points(n, generator), strict=True)
        model, device = self.student.model, states[0].device
        scales, factors, times = zip(*map(self.student.level, sigmas), strict=True)
        y = torch.cat([x * factor for x, factor in zip(states, factors, strict=True)])
        t = torch.tensor(times, dtype=self.student.time_dtype, device=device).repeat_interleave(n)
        outputs = network(y, t, **{name: torch.cat([c[name] for c in conditions]) for name in conditions[0]})
        losses = [
            pseudo_huber(to_denoised(str(model.prediction), out, x, s, sigma, model.sigma_data) - end)
            for out, x, s, sigma, end in zip(outputs.float().split(n), states, scales, sigmas, ends, strict=True)
        ]
        return torch.stack(losses).mean()


def no_noise(sigma: float, sigma_next: float) -> NoReturn:
    raise ValueError("the teacher's solver draws noise: distillation needs the points of one deterministic trajectory")


class Distiller(Trainer[Distillation]):
    """The training of a distilled network. It takes no images: the teacher draws from noise and random classes."""

    drawn: tuple[int, Trajectories] | None = None
    """The number of the trajectories in use, and the trajectories."""

    def batch_loss(self, generator: torch.Generator) -> Tensor:
        number = self.step // STEPS_EACH
        if self.drawn is None or self.drawn[0] != number:
            self.drawn = number, self.trajectories(number)
        return self.loss(self.network, self.drawn[1], self.recipe.batch_size, generator)

    def trajectories(self, number: int) -> Trajectories:
        """The trajectories of this number, which depend on it and the seed alone; some are of no class."""
        model, device = self.loss.teacher.model, self.images.device
        generator = torch.Generator(device).manual_seed(self.recipe.seed * 1_000_003 + number)
        noise = torch.randn(DRAWN, *model.shape, generator=generator, device=device)
        index = torch.randint(2**31, (DRAWN,), generator=generator, device=device)
        shift, dropped = torch.rand(2, DRAWN, generator=generator, device=device)
        conditions = conditions_of(model, index, dropped < self.recipe.drop_label)
        return self.loss.draw(noise, float(shift[0]) - 0.5, conditions)


def conditions_of(model: Model, index: Tensor, dropped: Tensor) -> dict[str, Tensor]:
    """The conditions of the samples; those that are dropped have none, if the model can do without."""
    conditions, without = model.conditions(index), model.unconditional(index)
    if without is None:
        return conditions
    return {name: torch.where(dropped, without[name], value) for name, value in conditions.items()}
