"""Samplers of strangers with the usual slips: each is rejected, by a rule that knows nothing of it, with its fault."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import ClassVar, Literal

import pytest
import torch
from torch import Tensor

from benchbox import Levels, Sampler, get
from benchbox.denoiser import Denoiser
from benchbox.exact.certificate import certificate, failed_checks
from benchbox.exact.local_orders import local_orders
from benchbox.exact.order_rules import orders_hold
from benchbox.exact.rules import Trial
from benchbox.noise import Noise


def up_down(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """The noise of a DDIM step, and the level below it."""
    up = eta * sigma_next * sqrt(1 - (sigma_next / sigma) ** 2)
    return up, sqrt(sigma_next**2 - up**2)


@dataclass(frozen=True)
class Right(Sampler):
    """DDIM as it should be; each of the others changes one thing."""

    name = "stranger"
    order = 1
    eta: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must be between 0 and 1, not {self.eta}.")

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for i, (sigma, sigma_next) in enumerate(pairwise(grid.sigmas)):
            up, down = self.levels_of(sigma, sigma_next)
            x = denoise(x, self.asked(i, grid)).lerp(x, down / sigma)
            if up > 0:
                x = x + self.drawn(x, noise, sigma, sigma_next, i == len(grid.sigmas) - 2) * up
            yield x

    def levels_of(self, sigma: float, sigma_next: float) -> tuple[float, float]:
        return up_down(sigma, sigma_next, self.eta)

    def asked(self, i: int, grid: Levels) -> float:
        return grid.sigmas[i]

    def drawn(self, x: Tensor, noise: Noise, sigma: float, sigma_next: float, last: bool) -> Tensor:
        return noise(sigma, sigma_next)


class SigmasExchanged(Right):
    """The noise of an interval from the level at its start."""

    def levels_of(self, sigma: float, sigma_next: float) -> tuple[float, float]:
        up = self.eta * sigma * sqrt(1 - (sigma_next / sigma) ** 2)
        return up, sqrt(sigma_next**2 - up**2)


class EtaSquared(Right):
    """η² in the noise, η in what is taken off for it."""

    def levels_of(self, sigma: float, sigma_next: float) -> tuple[float, float]:
        up, down = super().levels_of(sigma, sigma_next)
        return self.eta * up, down


class UpAndDownExchanged(Right):
    def levels_of(self, sigma: float, sigma_next: float) -> tuple[float, float]:
        up, down = super().levels_of(sigma, sigma_next)
        return down, up


class VarianceAsDeviation(Right):
    def levels_of(self, sigma: float, sigma_next: float) -> tuple[float, float]:
        up, down = super().levels_of(sigma, sigma_next)
        return up**2, down


class NoiseNotTakenOff(Right):
    """The noise comes on top of a whole step."""

    def levels_of(self, sigma: float, sigma_next: float) -> tuple[float, float]:
        return super().levels_of(sigma, sigma_next)[0], sigma_next


class HalfTheNoise(Right):
    """Right for some η, and not for the one that is given."""

    def levels_of(self, sigma: float, sigma_next: float) -> tuple[float, float]:
        return up_down(sigma, sigma_next, self.eta / 2)


class GlobalNoise(Right):
    def drawn(self, x: Tensor, noise: Noise, sigma: float, sigma_next: float, last: bool) -> Tensor:
        return torch.randn_like(x)


class OwnGenerator(Right):
    def drawn(self, x: Tensor, noise: Noise, sigma: float, sigma_next: float, last: bool) -> Tensor:
        return torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(1))


class LastDrawDropped(Right):
    def drawn(self, x: Tensor, noise: Noise, sigma: float, sigma_next: float, last: bool) -> Tensor:
        return noise(sigma, sigma_next) * (0 if last else 1)


class DrawsInReverse(Right):
    def drawn(self, x: Tensor, noise: Noise, sigma: float, sigma_next: float, last: bool) -> Tensor:
        return noise(1 / sigma, 1 / sigma_next)


class FirstStepOff(Right):
    """The first evaluation at the second level."""

    def asked(self, i: int, grid: Levels) -> float:
        return grid.sigmas[max(i, 1)]


@dataclass(frozen=True)
class SilentBias(Right):
    """An option that changes the law, and does not say so."""

    s_noise: float = 1.0

    def drawn(self, x: Tensor, noise: Noise, sigma: float, sigma_next: float, last: bool) -> Tensor:
        return noise(sigma, sigma_next) * self.s_noise


class DeclaredBias(SilentBias):
    biased_by = ("s_noise",)


@dataclass(frozen=True)
class ChurnWithoutNoise(Sampler):
    """Euler with a level that is raised, and no noise that raises the state to it."""

    name = "stranger"
    order = 1
    s_churn: float = 0.0

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            sigma_hat = sigma * (1 + min(self.s_churn / len(grid.sigmas), sqrt(2) - 1))
            x = denoise(x, sigma_hat).lerp(x, sigma_next / sigma_hat)
            yield x


@dataclass(frozen=True)
class TwoStep(Sampler):
    """Adams–Bashforth of two points on dx/dσ; `weight` is that of the difference."""

    name = "stranger"
    order = 2
    start: Literal["euler", "heun"] = "heun"

    @property
    def history(self) -> deque[Tensor]:
        return deque(maxlen=2)

    def weight(self, h: float, before: float) -> float:
        return h / before / 2

    def evals(self, n_levels: int) -> int:
        return n_levels - 1 + (self.start == "heun" and n_levels > 1)

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        past, before = self.history, 0.0
        for i, (sigma, sigma_next) in enumerate(pairwise(grid.sigmas)):
            h = sigma_next - sigma
            past.appendleft((x - denoise(x, sigma)) / sigma)
            slope = past[0]
            if before:
                slope = slope + self.weight(h, before) * (past[0] - past[1])
            elif self.start == "heun" and i == 0:
                end = x + h * slope
                slope = (slope + (end - denoise(end, sigma_next)) / sigma_next) / 2
            x, before = x + h * slope, h
            yield x


class SharedHistory(TwoStep):
    """The history is the class's, not the run's."""

    kept: ClassVar[deque[Tensor]] = deque(maxlen=2)

    @property
    def history(self) -> deque[Tensor]:
        return self.kept

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            self.kept.appendleft((x - denoise(x, sigma)) / sigma)
            same = len(self.kept) == 2 and self.kept[1].shape == x.shape
            slope = 1.5 * self.kept[0] - 0.5 * self.kept[1] if same else self.kept[0]
            x = x + (sigma_next - sigma) * slope
            yield x

    def evals(self, n_levels: int) -> int:
        return n_levels - 1


class WholeDifference(TwoStep):
    def weight(self, h: float, before: float) -> float:
        return h / before


class EqualSteps(TwoStep):
    """The weights of equal steps, which are of order 2 where neighbouring steps become equal."""

    def weight(self, h: float, before: float) -> float:
        return 0.5


@dataclass(frozen=True)
class OrderLostUnderAnOption(TwoStep):
    damped: bool = False

    def weight(self, h: float, before: float) -> float:
        return h / before / (4 if self.damped else 2)


@dataclass(frozen=True)
class ChoiceThatNeverRuns(Right):
    form: Literal["sum", "product"] = "sum"

    def levels_of(self, sigma: float, sigma_next: float) -> tuple[float, float]:
        if self.form == "product":
            raise ValueError("the form product needs more levels.")
        return super().levels_of(sigma, sigma_next)


@dataclass(frozen=True)
class DriftWithoutNoise(Sampler):
    """The reverse SDE of strength κ whose drift is that of κ = 1."""

    name = "stranger"
    order = 1
    kappa: float = 1.0

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            h = sigma - sigma_next
            x = x + 2 * h * (denoise(x, sigma) - x) / sigma
            if self.kappa > 0:
                x = x + self.kappa * sqrt(2 * sigma * h) * noise(sigma, sigma_next)
            yield x


@dataclass(frozen=True)
class CorrectedAtTheStart(Sampler):
    """A DDIM step, and a Langevin step at its end that asks for the level at its start."""

    name = "stranger"
    step: float = 0.05
    evals_per_step = 2

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            x = denoise(x, sigma).lerp(x, sigma_next / sigma)
            pull = self.step * (denoise(x, sigma) - x)
            yield (x := x + pull + sqrt(2 * self.step) * sigma_next * noise(sigma_next, sigma_next))


@dataclass(frozen=True)
class NormedNoise(Right):
    """Noise of one length, so that no law is exact; of order 1, and it claims 2."""

    order = 2
    eta: float = 1.0

    def drawn(self, x: Tensor, noise: Noise, sigma: float, sigma_next: float, last: bool) -> Tensor:
        z = noise(sigma, sigma_next)
        return z * (x[0].numel() ** 0.5 / z.flatten(1).norm(dim=1)).view(-1, *[1] * (x.ndim - 1))


class SizeOfTheBatch(NormedNoise):
    """What is decided by the size of a sample is decided by that of two."""

    order = 1

    def drawn(self, x: Tensor, noise: Noise, sigma: float, sigma_next: float, last: bool) -> Tensor:
        if x[:2].numel() < 16:
            return noise(sigma, sigma_next)
        return super().drawn(x, noise, sigma, sigma_next, last)


FAULTS: list[tuple[type[Sampler], dict[str, str]]] = [
    (SigmasExchanged, {"settings": "with eta=0.5: on 2 levels it fails: ValueError: math domain error"}),
    (EtaSquared, {"local law (edm)": "with eta=0.5: after one interval"}),
    (UpAndDownExchanged, {"local law (edm)": "after one interval"}),
    (VarianceAsDeviation, {"local law (edm)": "with eta=0.5: after one interval"}),
    (NoiseNotTakenOff, {"local law (edm)": "with eta=0.5: after one interval"}),
    (HalfTheNoise, {"names of options": "with eta=1.0: eta: in one interval"}),
    (GlobalNoise, {"global generators": "with eta=0.5: the global generator of torch is drawn from"}),
    (OwnGenerator, {"noise source": "with eta=0.5"}),
    (LastDrawDropped, {"draws": "with eta=0.5: of 6 draws 1 change nothing"}),
    (DrawsInReverse, {"levels of draws": "with eta=0.5: a draw at σ"}),
    (FirstStepOff, {"level of the start": "the model is asked about the start"}),
    (SilentBias, {"law under options": "of the data's size on 512 intervals"}),
    (ChurnWithoutNoise, {
        "levels of evaluations (edm)": "with s_churn=0.5: asked at σ =",
        "local law (edm)": "with s_churn=0.5: after one interval",
    }),
    (SharedHistory, {"state": "a run after another differs from the first"}),
    (WholeDifference, {
        "local order (edm)": "in interval 7 of 10, from σ = 4.1, the error is",
        "weak order (edm)": "it claims order 2 and has order 0.9",
    }),
    (OrderLostUnderAnOption, {
        "local order (vp)": "with damped=True: in interval 7",
        "order under options (edm)": "with damped=True: on grid karras it claims order 2",
    }),
    (ChoiceThatNeverRuns, {"choices": "with form=product: it runs on no schedule: the form product needs"}),
    (DriftWithoutNoise, {"local law (edm)": "with kappa=0.5: after one interval"}),
    (CorrectedAtTheStart, {"levels of evaluations (edm)": "asked at σ = 8 about a state whose law is off by"}),
    (SizeOfTheBatch, {"batches": "23 samples of 8 numbers at once and as 1 + 22 differ"}),
]  # fmt: skip


@pytest.mark.parametrize(("slip", "faults"), FAULTS, ids=[slip.__name__ for slip, _ in FAULTS])
def test_a_usual_slip_is_rejected_with_its_fault(slip: type[Sampler], faults: dict[str, str]) -> None:
    """The examination ends with the last of the rules that are named."""
    missing = dict(faults)
    for check in failed_checks(slip()):
        if check.name in missing:
            assert missing.pop(check.name) in check.measured
        if not missing:
            return
    raise AssertionError(f"not rejected by {', '.join(missing)}")


def test_what_has_no_slip_passes() -> None:
    assert not list(failed_checks(TwoStep()))
    certified = certificate(DeclaredBias())
    assert certified.passed, certified.failures
    assert certified.scope == "examined under 7 settings of the options; declared to change the law: s_noise"
    assert certified.as_dict()["biased_by"] == ["s_noise"]


@pytest.mark.parametrize(
    ("sampler", "levels"),
    [(TwoStep(), "levels that alternate"), (EqualSteps(), "levels that change smoothly")],
    ids=["weights of the steps", "weights of equal steps"],
)
def test_local_orders_say_on_which_levels_they_hold(sampler: Sampler, levels: str) -> None:
    found = local_orders(Trial.of(sampler, get("schedule", "vp")))
    assert found.passed
    assert re.fullmatch(rf"least order (2\.9\d|3\.\d\d) on {levels}", found.measured), found.measured


def test_an_order_is_estimated_where_the_law_is_not_exact() -> None:
    found = orders_hold(Trial.of(NormedNoise(), get("schedule", "edm")))
    assert not found.passed
    assert found.measured.startswith("on grid karras it claims order 2 and has at most 1.")
    assert orders_hold(Trial.of(SizeOfTheBatch(), get("schedule", "edm"))).passed


def test_quick_looks_at_no_other_option() -> None:
    found = certificate(EtaSquared(), quick=True)
    assert found.passed
    assert found.scope == "examined under its own options alone"
