"""The fractal mixture of EDM2's toy, and what cfg and autoguidance do to an imperfect model of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.grid import Levels
from benchbox.metrics.mode_coverage import ModeCoverageAccumulator, components
from benchbox.models.fractal import Fractal
from benchbox.models.fractal_law import fractal
from benchbox.testing import check_metric

CPU = torch.device("cpu")
GOLDEN = {
    "A": [
        [0.33906335637607565, 0.6732123867586863], [0.006455776962753568, 0.04866498496136401],
        [0.09758921245423925, 0.14203883468797218],
    ],
    "AB": [
        [0.14106006750446098, 0.15765193798580257], [-0.10356233131630477, -0.08390565929375338],
        [0.024546528365827464, 0.029125404868626387],
    ],
}  # fmt: skip
POINTS = torch.tensor([[0.5, 0.6], [-0.4, -0.3], [0.1, 0.1]], dtype=torch.float64)


def test_the_denoiser_is_that_of_the_authors_toy() -> None:
    """D of toy_example.py (NVlabs/edm2 at 4bf8162) in float64, of class A at σ = 0.1 and of both at σ = 1."""
    one = Fractal().denoiser(CPU)(POINTS, 0.1, torch.zeros(3, dtype=torch.long))
    both = Fractal().denoiser(CPU)(POINTS, 1.0)
    torch.testing.assert_close(one, torch.tensor(GOLDEN["A"], dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(both, torch.tensor(GOLDEN["AB"], dtype=torch.float64), rtol=0, atol=1e-12)


def test_there_are_two_trees_of_127_branches_of_8() -> None:
    law = fractal()
    assert np.bincount(law.labels).tolist() == [1016, 1016]
    assert law.weights.sum() == pytest.approx(1)
    assert law.variances.min() > 0


def test_the_classifier_is_the_ratio_of_the_densities() -> None:
    model, x = Fractal(blur=0.05), POINTS.clone().requires_grad_()
    log_p = model.classifier(CPU)(x, 0.4)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(3, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(log_p[:, 0].sum(), x)
    denoise = model.denoiser(CPU)
    scores = (denoise(x, 0.4, torch.zeros(3, dtype=torch.long)) - denoise(x, 0.4)) / 0.4**2
    torch.testing.assert_close(gradient, scores.detach(), rtol=0, atol=1e-10)


def test_blur_widens_the_law_of_the_denoiser_and_not_the_data() -> None:
    sharp, blurred = Fractal(label=(0,)), Fractal(0.3, label=(0,))
    label = torch.zeros(3, dtype=torch.long)
    score = (blurred.denoiser(CPU)(POINTS, 0.4, label) - POINTS) / 0.4**2
    exact = (sharp.denoiser(CPU)(POINTS, 0.5, label) - POINTS) / 0.5**2  # 0.3² + 0.4² = 0.5²
    torch.testing.assert_close(score, exact, rtol=1e-10, atol=1e-10)
    assert torch.equal(sharp.draw(10, 0), blurred.draw(10, 0))


def test_the_draws_are_of_the_asked_classes() -> None:
    x = Fractal(label=(1,)).draw(500, 0)
    assert float(Fractal().classifier(CPU)(x, 1e-3).exp()[:, 1].mean()) > 0.99
    means, weights, _ = Fractal(label=(1,)).components
    assert len(means) == 1016
    assert weights.sum() == pytest.approx(1)


class TestCoverage:
    def test_exact_draws_are_inside_and_cover_their_own_class(self) -> None:
        found = coverage(Fractal(label=(0,)).draw(2000, 1))
        assert found["mode_precision"] > 0.99
        assert found["mode_coverage"] > 0.95
        other = coverage(Fractal(label=(1,)).draw(500, 1))
        assert other["mode_precision"] < 0.2

    def test_its_numbers_on_a_mixture_of_two(self) -> None:
        model = benchbox.get("model", "mixture", dim=1, means=(0.0, 10.0), stds=(1.0, 2.0), weights=(1.0, 3.0))
        accumulator = ModeCoverageAccumulator(*components(model))
        accumulator.update(torch.tensor([[10.0], [15.9], [16.1], [5.0]]), torch.arange(4))
        assert accumulator.compute()["mode_coverage"] == pytest.approx(0.75)
        assert accumulator.compute()["mode_precision"] == pytest.approx(3 / 4)

    def test_it_keeps_the_rules_of_a_metric(self) -> None:
        check_metric("mode_coverage")

    def test_a_model_without_modes_is_refused(self) -> None:
        with pytest.raises(UsageError, match="needs a model with known modes"):
            benchbox.get("metric", "mode_coverage").check(benchbox.get("model", "mnist-edm"))


def coverage(x: Tensor) -> dict[str, Any]:
    accumulator = ModeCoverageAccumulator(*Fractal(label=(0,)).components)
    accumulator.update(x, torch.arange(len(x)))
    return accumulator.compute()


@lru_cache
def samples(guidance: str) -> Tensor:
    """Of class 0 by a model that is too wide: alone, under cfg, and under autoguidance by a model that is wider."""
    blur, options = 0.02, dict[str, Any]()
    if guidance == "autoguidance":
        options = {"scale": 3.0, "guide": Fractal(blur * 1.5**0.5, label=(0,))}
    elif guidance == "cfg":
        options = {"scale": 4.0}
    how = {"model": "fractal", "blur": blur, "label": (0,), "n": 150, "batch_size": 150, "dtype": "float64"}
    return benchbox.sample("heun", nfe=39, nfe_of="denoiser", guidance=guidance, **how, **options)


def test_autoguidance_removes_outliers_and_keeps_the_branches_and_cfg_does_neither() -> None:
    alone, cfg, auto = (coverage(samples(name)) for name in ("none", "cfg", "autoguidance"))
    assert auto["mode_precision"] > alone["mode_precision"] + 0.04 > cfg["mode_precision"] + 0.04
    assert auto["mode_coverage"] > alone["mode_coverage"] - 0.02
    assert cfg["mode_coverage"] < alone["mode_coverage"] - 0.15


def test_cfg_moves_away_from_the_law_of_the_class_and_autoguidance_does_not() -> None:
    exact = Fractal(label=(0,)).draw(4000, 3)

    def shift(x: Tensor) -> float:
        return float((x.double().mean(0) - exact.mean(0)).norm())

    assert shift(samples("cfg")) > 0.15 > 2 * shift(samples("autoguidance"))


@pytest.mark.parametrize("sigma", [0.05, 0.5, 5.0])
def test_cfg_and_exact_classifier_guidance_are_one(sigma: float) -> None:
    denoise = Denoiser(Fractal(0.05).conditioned(), CPU, torch.float64)
    denoise.at(torch.arange(3))
    levels = Levels.cut(benchbox.get("schedule", "edm"), benchbox.get("grid", "karras"), 4)
    cfg, classifier = (benchbox.get("guidance", name, scale=2.0)(denoise, levels) for name in ("cfg", "classifier"))
    torch.testing.assert_close(cfg(POINTS, sigma), classifier(POINTS, sigma), rtol=0, atol=1e-12)


def test_negative_blur_and_a_third_class_are_refused() -> None:
    for options in ({"blur": -0.1}, {"label": (2,)}):
        with pytest.raises(UsageError):
            benchbox.get("model", "fractal", **options)
