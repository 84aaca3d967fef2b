"""The distance of samples from what the same model makes of the same noise with many evaluations."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from benchbox.jumping import require_denoiser
from benchbox.metric import Accumulator, Context, Metric
from benchbox.metrics.ode_solution import starts
from benchbox.metrics.uncertainty import over_prompts

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from benchbox.grid import Grid, Levels
    from benchbox.model import Model
    from benchbox.noise import Noise


@dataclass(frozen=True)
class TeacherError(Metric):
    """Distance of samples from the same model's own result, of the same noise, condition and guidance, by `heun` with
    `nfe` evaluations of the denoiser: the root mean square over the coordinates of a sample, averaged over prompts.

    Of a latent model the distance is between latents, and `teacher_error_decoded` that after decoding. `_low` and
    `_high` are the ends of the 95 % interval over prompts (over samples, where there are none). The teacher starts at
    the noisiest level of the model's schedule, on the model's own grid where it has one, else on `karras`; its
    evaluations do not count in the run's NFE. For a stochastic sampler the distance includes its noise. samples: those
    with smaller numbers are measured. Memory: the teacher's samples, and two numbers a sample.
    """

    name = "teacher_error"
    samples: int = 64
    nfe: int = 99

    def __post_init__(self) -> None:
        if self.samples < 1 or self.nfe < 3:
            raise ValueError("samples must be at least 1, and nfe at least 3.")

    def check(self, model: Model) -> None:
        require_denoiser(f"metric {self.name}", model)

    def start(self, context: Context) -> TeacherErrorAccumulator:
        return TeacherErrorAccumulator(context, self)


@lru_cache(maxsize=2)
def teachers_samples(*identity: Any) -> dict[int, Tensor]:
    """The teacher's samples so far, by their numbers; kept in this process for the cells of a sweep."""
    return {}


class Teacher:
    """Makes the model's own samples, before `decode`."""

    def __init__(self, context: Context, metric: TeacherError) -> None:
        self.context, model, denoiser = context, context.model, context.denoiser
        self.levels = teacher_levels(model, metric.nfe)
        self.denoiser = copy.copy(denoiser)
        self.denoiser.reset()
        noise = context.seed, context.noise_block, context.noise_device, context.device
        self.known = teachers_samples(model, context.guidance, metric, denoiser.dtype, *noise)

    def __call__(self, index: Tensor) -> Tensor:
        """The samples with these numbers, before `decode`."""
        import torch

        new = [i for i in index.tolist() if i not in self.known]
        if new:
            x = self.solve(torch.tensor(new, device=index.device))
            self.known.update(zip(new, x.cpu(), strict=True))
        return torch.stack([self.known[i] for i in index.tolist()]).to(index.device)

    def solve(self, index: Tensor) -> Tensor:
        from benchbox.driver import trajectory
        from benchbox.guidance import guided
        from benchbox.registry import get

        self.denoiser.at(index)
        start = starts(self.context, index)
        denoise = guided(self.context.guidance, self.denoiser, self.levels)
        *_, x = trajectory(get("sampler", "heun"), denoise, self.levels, cast("Noise", lambda *_: start))
        return x


def teacher_levels(model: Model, nfe: int) -> Levels:
    """The levels of the teacher: the model's own grid, or karras, over the whole range of its schedule."""
    from benchbox.grid import Levels
    from benchbox.registry import get

    grid = cast("Grid", model.grid) if model.own_grid else get("grid", "karras")
    return Levels.cut(model.schedule, grid, (nfe - 1) // 2 + 1)


class TeacherErrorAccumulator(Accumulator):
    """The distances of each sample by its number: before and after decoding."""

    def __init__(self, context: Context, metric: TeacherError) -> None:
        self.model, self.samples, self.teacher = context.model, metric.samples, Teacher(context, metric)
        self.distances: dict[str, dict[int, float]] = {"": {}, "_decoded": {}}

    def latents(self, z: Tensor, index: Tensor) -> None:
        self.add("", z, index, lambda x: x)

    def update(self, batch: Tensor, index: Tensor) -> None:
        self.add("_decoded" if self.model.latent else "", batch, index, self.model.decode)

    def add(self, ending: str, x: Tensor, index: Tensor, finish: Callable[[Tensor], Tensor]) -> None:
        import torch

        keep = (index < self.samples).nonzero().flatten()
        if not len(keep):
            return
        index = index[keep]
        with torch.inference_mode():
            difference = x[keep].double() - finish(self.teacher(index)).double()
        means = difference.flatten(1).square().mean(1).sqrt()
        self.distances[ending] |= dict(zip(index.tolist(), means.tolist(), strict=True))

    def merge(self, other: TeacherErrorAccumulator) -> None:
        for ending, distances in other.distances.items():
            self.distances[ending] |= distances

    def state(self) -> dict[str, NDArray[Any]]:
        arrays = {}
        for ending, distances in self.distances.items():
            arrays[f"index{ending}"] = np.array(list(distances), dtype=np.int64)
            arrays[f"distances{ending}"] = np.array(list(distances.values()), dtype=np.float64)
        return arrays

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        for ending in self.distances:
            pairs = zip(state[f"index{ending}"].tolist(), state[f"distances{ending}"].tolist(), strict=True)
            self.distances[ending] = dict(pairs)

    def compute(self) -> dict[str, float | str | None]:
        columns: dict[str, float | str | None] = {}
        for ending in ("", "_decoded") if self.model.latent else ("",):
            columns |= over_prompts(f"teacher_error{ending}", self.distances[ending], self.model.period)
        return columns
