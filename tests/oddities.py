"""A package of samplers, models and metrics that do something wrong, or something rare."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbox import Accumulator, Context, Grid, Levels, Metric, Model, Sampler, get, hookimpl
from benchbox.models.gaussian import Gaussian
from benchbox.noise import Noise

D = Callable[[Tensor, float], Tensor]


def euler(denoise: D, x: Tensor, grid: Levels) -> Iterator[Tensor]:
    for sigma, sigma_next in pairwise(grid.sigmas):
        x = denoise(x, sigma).lerp(x, sigma_next / sigma)
        yield x


@dataclass(frozen=True)
class Raises(Sampler):
    """Raises in the middle of its work."""

    name = "raises"
    exits: bool = False

    def __call__(self, denoise: D, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for i, state in enumerate(euler(denoise, x, grid)):
            if i == 2:
                raise SystemExit(7) if self.exits else RuntimeError("the middle\nwas too much")
            yield state


@dataclass(frozen=True)
class OutOfMemory(Sampler):
    """Asks for more memory than there is."""

    name = "out-of-memory"

    def __call__(self, denoise: D, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        yield from euler(denoise, x, grid)
        raise torch.OutOfMemoryError("tried to allocate 80 GiB")


@dataclass(frozen=True)
class Hungry(Sampler):
    """Has memory for so many samples at once, on its last interval."""

    name = "hungry"
    fits: int = 20

    def __call__(self, denoise: D, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        yield from euler(denoise, x, grid)
        if len(x) > self.fits and len(grid.sigmas) > 2:
            raise torch.OutOfMemoryError("tried to allocate 80 GiB")


@dataclass(frozen=True)
class Diverges(Sampler):
    """Ends in one sample that is not a number."""

    name = "diverges"

    def __call__(self, denoise: D, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for state in euler(denoise, x, grid):
            state[-1, 0] = torch.nan
            yield state


@dataclass(frozen=True)
class Slow(Sampler):
    """Sleeps at every step."""

    name = "slow"

    def __call__(self, denoise: D, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for state in euler(denoise, x, grid):
            time.sleep(0.02)
            yield state


@dataclass(frozen=True)
class Terminates(Sampler):
    """Has its process told to end, as a cluster would, in the middle of the first batch."""

    name = "terminates"

    def __call__(self, denoise: D, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        signal.raise_signal(signal.SIGTERM)
        yield from euler(denoise, x, grid)


@dataclass(frozen=True)
class Liar(Sampler):
    """Says that an interval costs one evaluation, and spends two; or that it costs none."""

    name = "liar"
    free: bool = False

    @property
    def evals_per_step(self) -> int:
        return 0 if self.free else 1

    def __call__(self, denoise: D, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for state in euler(denoise, x, grid):
            denoise(state, grid.sigmas[-1])
            yield state


@dataclass(frozen=True)
class Thrifty(Sampler):
    """Claims two evaluations per interval, and spends one."""

    name = "thrifty"
    evals_per_step = 2

    def __call__(self, denoise: D, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        yield from euler(denoise, x, grid)


@dataclass(frozen=True)
class Twice(Sampler):
    """Wraps the denoiser as classifier-free guidance does: the network is asked twice for each D."""

    name = "twice"
    evals_per_step = 2

    def __call__(self, denoise: D, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        return euler(lambda x, sigma: 2 * denoise(x, sigma) - denoise(x, sigma), x, grid)


@dataclass(frozen=True)
class Short(Sampler):
    """Yields fewer states than there are intervals, or a state of another shape."""

    name = "short"
    shape: bool = False

    def __call__(self, denoise: D, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        *_, last = euler(denoise, x, grid)
        yield last[:, :1] if self.shape else last


@dataclass(frozen=True)
class Gradient(Sampler):
    """Takes a step along the gradient of a loss through the denoiser."""

    name = "gradient"
    needs_grad = True

    def __call__(self, denoise: Any, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            denoised, gradient = denoise.vjp(x, sigma, torch.ones_like(x))
            assert not x.is_inference()
            x = denoised.lerp(x, sigma_next / sigma) - 0.0 * gradient
            yield x


@dataclass(frozen=True)
class BreaksAt(Gaussian):
    """A Gaussian model whose formula raises, or gives no number, below a level; or that cannot be loaded."""

    name = "breaks"
    below: float = 1.0
    how: str = "raises"

    def denoiser(self, device: Any) -> D:
        exact = super().denoiser(device)
        if self.how == "load":
            raise RuntimeError("size mismatch for stem.weight")

        def denoise(x: Tensor, sigma: float) -> Tensor:
            if sigma >= self.below:
                return exact(x, sigma)
            if self.how == "raises":
                raise ValueError(f"no network at {sigma:.2g}")
            return exact(x, sigma) * torch.inf

        return denoise


@dataclass(frozen=True)
class BreaksBelowFive(Grid):
    """A grid that cannot cut fewer than five levels."""

    name = "breaks-below-five"

    def __call__(self, schedule: Any, n_levels: int) -> Any:
        if n_levels < 5:
            raise ValueError(f"{n_levels} levels")
        return np.linspace(*self.ends(schedule), n_levels)


@dataclass(frozen=True)
class Half(Model):
    """A trained network's stand-in: x_0 = 0 on the VP schedule, so ε̂ = y/√(1 − ᾱ); its range of levels is VP's."""

    name = "half"

    @property
    def shape(self) -> tuple[int, ...]:
        return (3,)

    @property
    def schedule(self) -> Any:
        return get("schedule", "vp")

    @property
    def prediction(self) -> Any:
        return "eps"

    def draw(self, n: int, seed: int) -> Tensor:
        return torch.zeros(n, *self.shape)

    def network(self, device: Any) -> Callable[..., Tensor]:
        schedule = self.schedule
        return lambda y, t: y / float(schedule.scale(float(t[0]))) / float(schedule.sigma(float(t[0])))


@dataclass(frozen=True)
class Gives(Metric):
    """Gives a column of a name and of a kind of value."""

    name = "gives"
    column: str = "given"
    value: str = "number"

    def start(self, context: Context) -> GivesAccumulator:
        if self.value == "raises":
            raise RuntimeError("no such statistics")
        return GivesAccumulator(self)


class GivesAccumulator(Accumulator):
    def __init__(self, metric: Gives) -> None:
        self.metric, self.n = metric, 0

    def update(self, batch: Tensor, index: Tensor) -> None:
        self.n += len(batch)

    def merge(self, other: GivesAccumulator) -> None:
        self.n += other.n

    def state(self) -> dict[str, Any]:
        return {"n": np.array(self.n)}

    def load(self, state: dict[str, Any]) -> None:
        self.n = int(state["n"])

    def compute(self) -> dict[str, Any]:
        values = {"number": np.float32(self.n), "text": "words", "none": None, "nan": np.nan, "list": [1.0]}
        return {self.metric.column: values[self.metric.value]}


@dataclass(frozen=True)
class Digest(Metric):
    """The SHA-256 of all samples, in their order."""

    name = "digest"

    def start(self, context: Context) -> DigestAccumulator:
        return DigestAccumulator()


class DigestAccumulator(Accumulator):
    def __init__(self) -> None:
        self.samples: dict[int, bytes] = {}

    def update(self, batch: Tensor, index: Tensor) -> None:
        self.samples |= {int(i): x.cpu().numpy().tobytes() for i, x in zip(index, batch, strict=True)}

    def merge(self, other: DigestAccumulator) -> None:
        self.samples |= other.samples

    def state(self) -> dict[str, Any]:
        return {str(i): np.frombuffer(x, np.uint8) for i, x in self.samples.items()}

    def load(self, state: dict[str, Any]) -> None:
        self.samples = {int(i): x.tobytes() for i, x in state.items()}

    def compute(self) -> dict[str, Any]:
        return {"digest": sha256(b"".join(x for _, x in sorted(self.samples.items()))).hexdigest()}


@hookimpl
def benchbox_samplers() -> list[type[Sampler]]:
    return [Raises, OutOfMemory, Hungry, Diverges, Slow, Terminates, Liar, Thrifty, Twice, Short, Gradient]


@hookimpl
def benchbox_grids() -> list[type[Grid]]:
    return [BreaksBelowFive]


@hookimpl
def benchbox_models() -> list[type[Model]]:
    return [BreaksAt, Half]


@hookimpl
def benchbox_metrics() -> list[type[Metric]]:
    return [Gives, Digest]
