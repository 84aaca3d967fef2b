"""A check: a name, what was measured, what was expected; and the trial runs that checks are made of."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.exact.law import last
from benchbox.exact.order import SIGMAS, suited
from benchbox.exact.refusal import is_refusal
from benchbox.grid import Grid, Levels
from benchbox.model import Model
from benchbox.models.gaussian import Gaussian
from benchbox.noise import BLOCK, Noise
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

ROUNDING = 1e-10
"""Largest relative difference of float64 runs that should agree."""


@dataclass(frozen=True)
class RuleResult:
    """One rule and how it came out; passed None: it does not apply, and `measured` says why."""

    name: str
    passed: bool | None
    measured: str
    expected: str

    def __str__(self) -> str:
        word = {True: "pass", False: "FAIL", None: "skip"}[self.passed]
        return f"{word}  {self.name}: {self.measured}" + (
            f" (expected: {self.expected})" if self.passed is False else ""
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


Rule = Callable[[Any], RuleResult]


def apply(rules: Iterable[tuple[str, Rule]], subject: Any) -> Iterator[RuleResult]:
    """Each rule's check; an exception is a failed check that quotes it."""
    for name, rule in rules:
        try:
            yield rule(subject)
        except Exception as error:
            yield RuleResult(name, False, f"{type(error).__name__}: {error}".splitlines()[0], "no exception")


@cache
def vector() -> Gaussian:
    """The Gaussian in four dimensions on which laws are measured: no eigenvalue is 1, the mean is not 0."""
    return Gaussian()


@cache
def image() -> Gaussian:
    """A Gaussian image of 16 pixels, enough that rules which look at the whole sample show."""
    return Gaussian(
        mean=tuple(0.1 * i - 0.7 for i in range(16)),
        eigenvalues=tuple(2.0 * 0.8**i for i in range(16)),
        sample_shape=(1, 4, 4),
    )


@cache
def half_image() -> Gaussian:
    """Half of that image: what a method decides by the number of pixels, it must not decide by that of a batch."""
    return Gaussian(
        mean=tuple(0.1 * i - 0.7 for i in range(8)),
        eigenvalues=tuple(2.0 * 0.8**i for i in range(8)),
        sample_shape=(1, 2, 4),
    )


@cache
def large_image() -> Gaussian:
    """64 pixels, for rules of a sampler that take norms of a sample: in few dimensions these scatter."""
    return Gaussian(
        mean=tuple(0.02 * i - 0.6 for i in range(64)),
        eigenvalues=tuple(2.0 * 0.95**i for i in range(64)),
        sample_shape=(1, 8, 8),
    )


def relative(a: Tensor, b: Tensor) -> float:
    """The largest difference, relative to the largest value; infinite where a value is not finite."""
    if a.shape != b.shape:
        return float("inf")
    if not a.numel():
        return 0.0
    difference = float((a.double() - b.double()).abs().max() / b.double().abs().max().clamp_min(1e-300))
    return difference if difference == difference else float("inf")


@dataclass(frozen=True)
class Trial:
    """A sampler on a schedule and on a grid that suits it, ready to be run; few: levels on which it does run."""

    sampler: Sampler
    schedule: Schedule
    grid: Grid
    few: int = 6

    @classmethod
    def of(cls, sampler: Sampler, schedule: Schedule, sigmas: tuple[float, float] = SIGMAS, few: int = 6) -> Trial:
        def accepts(levels: Levels) -> None:
            noise = Noise(0, 0, BLOCK, vector().shape, dtype=torch.float64)
            try:
                last(trajectory(copy.deepcopy(sampler), counted_denoiser(vector()), levels, noise, "none"))
            except Exception as error:
                if is_refusal(error):
                    raise  # what remains is a fault, which the rules will show

        return cls(sampler, schedule, suited(sampler, schedule, accepts, sigmas, few), few)

    def cold(self) -> Trial:
        """The same trial with a copy of the sampler that has run nothing yet."""
        return replace(self, sampler=copy.deepcopy(self.sampler))

    @property
    def adaptive(self) -> bool:
        return self.sampler.evals_per_step is None

    def levels(self, n_levels: int) -> Levels:
        return Levels.cut(self.schedule, self.grid, n_levels)

    def states(
        self,
        n_levels: int = 6,
        n: int = BLOCK,
        seed: int = 0,
        first: int = 0,
        model: Model | None = None,
        denoise: Denoiser | None = None,
        dtype: torch.dtype = torch.float64,
        noise: Noise | None = None,
    ) -> Iterator[Tensor]:
        """The states of a run, without the last denoise."""
        model = model or (denoise.model if denoise else image())
        denoise = denoise or counted_denoiser(model, dtype)
        noise = noise or Noise(seed, first, n, model.shape, dtype=dtype)
        return trajectory(self.sampler, denoise, self.levels(n_levels), noise, "none")

    def run(self, n_levels: int = 6, **options: Any) -> Tensor:
        """The last state of a run."""
        return last(self.states(n_levels, **options))

    def spent(self, n_levels: int, n: int = BLOCK) -> float:
        """Evaluations per sample of a run on n levels."""
        denoise = counted_denoiser(image())
        self.run(n_levels, n=n, denoise=denoise)
        return denoise.rows / n


class CallRecorder(Denoiser):
    """A denoiser of a model (None: `vector`) that keeps what it was asked: states and levels."""

    def __init__(self, model: Model | None = None) -> None:
        super().__init__(model or vector(), torch.device("cpu"), torch.float64)
        self.asked: list[tuple[Tensor, float]] = []

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.asked.append((x.detach().clone(), sigma))
        return super().__call__(x, sigma)


def counted_denoiser(model: Model, dtype: torch.dtype = torch.float64) -> Denoiser:
    """A fresh, counted denoiser on the CPU."""
    return Denoiser(model, torch.device("cpu"), dtype)
