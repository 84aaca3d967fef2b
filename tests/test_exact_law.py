"""The exact law of a black box: against closed recursions, against samples, and against what is not affine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from benchbox import Grid, Levels, Sampler, Schedule, get
from benchbox.denoiser import Denoiser
from benchbox.exact.affinity import turning_error, turns, why_not_exact
from benchbox.exact.law import Law, noised, propagate, w2
from benchbox.exact.montecarlo import estimate_w2, samples
from benchbox.models.gaussian import Gaussian
from benchbox.noise import Noise
from benchbox.registry import registry

MODEL = Gaussian()


def levels(n: int, schedule: str = "vp", grid: str = "uniform", **options: Any) -> Levels:
    cut: Grid = get("grid", grid, **options)
    on: Schedule = get("schedule", schedule)
    return Levels.cut(on, cut, n)


def recursion(integrator: str, at: Levels, spectrum: Any) -> Any:
    """V ← k² V + n² in the VP frame, zero mean (NUMBERS 2.2: EM, EI, P-G's DDPM)."""
    vp, variance = at.schedule, np.ones_like(spectrum)
    for (t, t_next), s in zip(pairwise(at.times), at.scales[:-1], strict=True):
        h, b, v = t - t_next, float(vp.beta(t)), s * s * spectrum + 1 - s * s  # type: ignore[attr-defined]
        growth = float(vp.scale(t_next) / vp.scale(t))
        k, n2 = {
            "euler": (1 + h * b / 2 - h * b / v, h * b),
            "exponential": (growth - 2 * (growth - 1) / v, growth**2 - 1),
            "ancestral": ((1 - h * b / v) / np.sqrt(max(1 - h * b, 0.0)), h * b),
        }[integrator]
        variance = k * k * variance + n2
    return variance


@pytest.mark.parametrize("integrator", ["euler", "exponential", "ancestral"])
def test_schemes_of_the_paper_follow_their_recursions(integrator: str) -> None:
    """Euler–Maruyama, the exponential integrator and the paper's DDPM step, each by sampler and options alone."""
    centred, at = Gaussian(mean=(0.0,)), levels(65)
    law = propagate(get("sampler", "euler-maruyama", integrator=integrator), centred, at)
    ours = law.moments()[1] * at.scales[-1] ** 2
    np.testing.assert_allclose(ours, recursion(integrator, at, centred.spectrum), rtol=1e-11)
    assert law.draws == 64


def test_ode_scales_the_law_it_is_given() -> None:
    """Solved finely, the ODE multiplies deviations by √((λ+σ'²)/(λ+σ²)), whatever the start."""
    at = levels(129, "edm", "karras", sigma_min=0.05, sigma_max=10.0)
    law = propagate(get("sampler", "ode", method="rk4"), MODEL, at)
    first, last = (noised(MODEL, at.sigmas[i]) for i in (0, -1))
    np.testing.assert_allclose(law.moments(first)[1], last[1], rtol=1e-6)
    np.testing.assert_allclose(law.gain, at.start_std * np.sqrt(last[1] / first[1]), rtol=1e-6)
    assert law.w2(last, first) < 1e-6 < law.w2(last)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler, at = get("sampler", "ddim", eta=0.7), levels(40)
    whole = propagate(sampler, MODEL, at)
    monkeypatch.setattr("benchbox.exact.law.STATE_NUMBERS", 3 * 4)
    parts = propagate(sampler, MODEL, at)
    for a, b in ((whole.gain, parts.gain), (whole.noise, parts.noise), (whole.offset, parts.offset)):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in registry().names("sampler") if not get("sampler", n).uses_measurement])
def test_exact_w2_agrees_with_200_000_samples(name: str) -> None:
    """Mean and variance per coordinate within 5 standard errors, and W2 within what these errors allow."""
    sampler: Sampler = get("sampler", name)
    at, n = levels(9, "edm", sampler.grid or "karras", sigma_min=0.02, sigma_max=20.0), 200_000
    assert why_not_exact(sampler, MODEL, at, "denoise") is None
    mean, variance = propagate(sampler, MODEL, at, "denoise").moments()
    x = samples(sampler, MODEL, at, n, "denoise", block=20_000)
    assert (np.abs(x.mean(0) - mean) / np.sqrt(variance / n)).max() < 5
    assert (np.abs(x.var(0) / variance - 1) / np.sqrt(2 / n)).max() < 5
    target = noised(MODEL, 0)
    error = np.sqrt(np.sum(variance) * 1.5 / n)
    assert abs(w2((x.mean(0), x.var(0)), target) - w2((mean, variance), target)) < 4 * error


@dataclass(frozen=True)
class Clipped(Sampler):
    """DDIM whose denoised images are clipped: not affine."""

    name = "clipped"

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            x = denoise(x, sigma).clamp(-1, 1).lerp(x, sigma_next / sigma)
            yield x


@dataclass(frozen=True)
class Favours(Sampler):
    """Affine, but the first coordinate is treated unlike the others."""

    name = "favours"

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            x = denoise(x, sigma).lerp(x, sigma_next / sigma)
            x[:, 0] *= 0.99
            yield x


def test_affinity_is_detected_and_not_declared() -> None:
    at = levels(12, "edm", "karras", sigma_min=0.05, sigma_max=10.0)
    assert "superposition" in str(why_not_exact(Clipped(), MODEL, at))
    assert "coordinates" in str(why_not_exact(Favours(), MODEL, at))
    assert "superposition" in str(why_not_exact(get("sampler", "pc", norm="sample"), MODEL, at))
    assert "superposition" in str(why_not_exact(get("sampler", "ode", method="dopri5"), MODEL, at))
    assert why_not_exact(get("sampler", "pc"), MODEL, at) is None


def test_turns_see_a_favoured_coordinate() -> None:
    at = levels(6, "edm", "karras", sigma_min=0.05, sigma_max=10.0)
    for turn in turns(4).values():
        np.testing.assert_allclose(turn @ turn.T, np.eye(4), atol=1e-12)
        assert turning_error(Favours(), MODEL, at, turn) > 1e-3
        assert turning_error(get("sampler", "ancestral"), MODEL, at, turn) < 1e-12


def test_estimate_is_unbiased_and_covers() -> None:
    """The jackknife on exact draws of the wrong law: the true distance is inside, and near it, most of the time."""
    wrong, target = (np.array([0.1, 0.0]), np.array([1.2, 0.3])), (np.zeros(2), np.array([1.0, 0.25]))
    truth, inside, values = w2(wrong, target), 0, []
    for seed in range(60):
        x = np.random.default_rng(seed).standard_normal((3000, 2)) * np.sqrt(wrong[1]) + wrong[0]
        found = estimate_w2(x, target)
        inside += found.low <= truth <= found.high
        values.append(found.value**2)
    assert inside >= 50
    assert abs(np.mean(values) - truth**2) < 4 * np.std(values) / np.sqrt(60)


def test_law_of_a_start_is_scaled() -> None:
    law = Law(np.zeros(1), np.array([2.0]), np.array([0.5]), 4.0, 3, 3)
    assert law.moments()[1] == pytest.approx([4.5])
    mean, variance = law.moments((np.array([8.0]), np.array([16.0])))
    assert (mean[0], variance[0]) == (4.0, 4.5)
