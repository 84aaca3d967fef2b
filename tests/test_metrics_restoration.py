"""Metrics of restored samples, against the formulas that the exact posterior of Gaussian data gives them."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy import stats
from sweeping import measure
from torch import Tensor

import benchbox
from benchbox.bench import truths
from benchbox.bench.score import Score, measure_samples
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import Request, expand
from benchbox.errors import UsageError
from benchbox.gaussians import posterior_of
from benchbox.measurement import Measurements, pose
from benchbox.metric import Context
from benchbox.metrics.coverage import Coverage, covered
from benchbox.metrics.crps import crps
from benchbox.metrics.ensemble import EnsembleMetric
from benchbox.model import Model
from benchbox.store.store import Store
from benchbox.testing import check_metric

CPU = torch.device("cpu")
EXPECTED_AT_0 = math.sqrt(2 / math.pi) - 1 / math.sqrt(math.pi)
"""The CRPS of N(0, 1) at 0 (Gneiting & Raftery 2007, below eq. 20)."""


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.as_tensor(np.random.default_rng(seed).standard_normal(shape))


def context(model: Model, measurements: Measurements) -> Context:
    """Of metrics that look at nothing but the model and the measurements."""
    return Context(model, *[cast(Any, None)] * 3, CPU, 0, measurements=measurements)


def values(metric: str, model: str, x: Tensor, measurements: Measurements, **options: Any) -> dict[str, Any]:
    accumulator = benchbox.get("metric", metric, **options).start(context(benchbox.get("model", model), measurements))
    accumulator.update(x, torch.arange(len(x)))
    return accumulator.compute()


@pytest.mark.parametrize("n", [2, 3, 20])
def test_crps_is_unbiased_and_that_of_a_normal_law(n: int) -> None:
    """Against Gneiting & Raftery's closed form, at truths in and out of the law, for ensembles as small as two."""
    for z in (0.0, 0.7, -2.5):
        cdf, density = stats.norm.cdf(z), stats.norm.pdf(z)
        expected = z * (2 * cdf - 1) + 2 * density - 1 / math.sqrt(math.pi)
        estimates = crps(draws(n, 20_000, seed=n), torch.full((20_000,), z, dtype=torch.float64))
        assert abs(float(estimates.mean()) - expected) < 4 * float(estimates.std()) / 20_000**0.5
    assert pytest.approx(0.2337, abs=1e-4) == EXPECTED_AT_0


def test_crps_of_sorted_draws_is_that_of_all_pairs() -> None:
    x, truth = draws(7, 5), draws(5, seed=1)
    pairs = (x[:, None] - x[None]).abs().sum((0, 1)) / (7 * 6)
    torch.testing.assert_close(crps(x, truth), (x - truth).abs().mean(0) - pairs / 2)


@pytest.mark.parametrize("n", [2, 3, 8, 40])
@pytest.mark.parametrize("width", [1.0, 0.5, 2.0])
def test_coverage_is_nominal_for_the_law_itself_and_a_formula_for_others(n: int, width: float) -> None:
    """The rank of a truth z among n draws of N(0, width²) is binomial with p = Φ(z/width)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(201)
    p = stats.norm.cdf(nodes / width).clip(1e-12, 1 - 1e-12)
    rank = stats.binom.pmf(np.arange(n + 1)[:, None], n, p) @ (weights / weights.sum())
    below = torch.arange(n + 1, dtype=torch.float64)
    ladder = torch.arange(n, dtype=torch.float64)[:, None].expand(n, n + 1)
    for level in (0.5, 0.9):
        by_rank = covered(ladder, below - 0.5, level).numpy()
        expected = float(by_rank @ rank)
        measured = covered(width * draws(n, 20_000), draws(20_000, seed=1), level)
        assert abs(float(measured.mean()) - expected) < 4 * max(float(measured.std()), 1e-12) / 20_000**0.5 + 1e-12
        assert (expected == pytest.approx(level)) == (width == 1)
        assert (expected < level) == (width < 1) or width == 1


def test_pixels_on_which_all_agree_do_not_change_the_coverage_of_the_law_itself() -> None:
    """Most pixels of a digit are black in the truth and in every sample; 9 of 10 numbers are that at random here."""
    rng = np.random.default_rng(0)
    law = rng.standard_normal((9, 40_000)) * (rng.random((9, 40_000)) < 0.1)
    x, truth = torch.as_tensor(law[1:]).clamp(min=0), torch.as_tensor(law[0]).clamp(min=0)
    scores = Coverage().scores(2 * x - 1, 2 * truth - 1, (-1.0, 1.0))
    kept = int((x != truth).any(0).sum())
    assert kept < 20_000
    for level in (0.5, 0.9):
        assert abs(scores[f"coverage_{level * 100:.0f}"] - level) < 4 * 0.5 / kept**0.5
        assert float(covered(x, truth, level).mean()) == pytest.approx(level, abs=0.01)


def exact(problem: str, m: int, n: int) -> tuple[Measurements, Tensor, Tensor]:
    """Measurements of Gaussian data, n draws of each posterior, in order of their numbers, and its covariance."""
    model = benchbox.get("model", "gaussian")
    posed = pose(benchbox.get("problem", problem, sigma_y=0.3), model)
    measurements = truths.measure(posed, model, m, 0, "cpu", torch.float64)
    posterior = posterior_of(model, posed, CPU)
    x = torch.stack([posterior.draw(measurements.y[j : j + 1], n, [7, j]) for j in range(m)], 1)
    return measurements, x.flatten(0, 1), posterior.moments(measurements.y)[1][0]


@pytest.mark.parametrize("problem", ["inpaint", "super-resolution"])
def test_draws_of_the_exact_posterior_have_the_expected_crps_and_coverage(problem: str) -> None:
    """E CRPS = √(C_ii/π) of truth and draws of one Gaussian; draws that are too narrow cover less."""
    measurements, x, covariance = exact(problem, m=300, n=8)
    expected = float((covariance.diagonal() / math.pi).sqrt().mean())
    row = values("crps", "gaussian", x, measurements) | values("coverage", "gaussian", x, measurements)
    assert abs(row["crps"] - expected) < 4 * row["crps_std"] < 0.2 * expected
    for level in (50, 90):
        assert abs(row[f"coverage_{level}"] - level / 100) < 4 * row[f"coverage_{level}_std"] < 0.1
    mean = x.view(8, 300, -1).mean(0).repeat(8, 1)
    narrow = values("coverage", "gaussian", mean + 0.3 * (x - mean), measurements)
    assert narrow["coverage_50"] < 0.5 - 3 * narrow["coverage_50_std"]


def test_a_run_with_the_oracle_has_the_expected_crps_and_coverage() -> None:
    (cell,) = expand(
        Request(
            ["heun"], [35], ["gaussian"], guidances=["oracle"], problems=["inpaint"], n_samples=1600, measurements=200,
            batch_size=1600, metrics=["crps", "coverage"], settings=[Setting(None, "sigma_y", [0.3])],
        )
    )  # fmt: skip
    row = measure(cell)
    _, _, covariance = exact("inpaint", 1, 2)
    assert abs(row["crps"] - float((covariance.diagonal() / math.pi).sqrt().mean())) < 4 * row["crps_std"]
    assert abs(row["coverage_50"] - 0.5) < 4 * row["coverage_50_std"]
    assert abs(row["coverage_90"] - 0.9) < 4 * row["coverage_90_std"]


def test_one_sample_of_a_measurement_has_no_score_and_later_ones_are_not_stored() -> None:
    measurements, x, _ = exact("inpaint", m=3, n=5)
    assert values("crps", "gaussian", x[:3], measurements) == {"crps": None, "crps_std": None}
    assert values("crps", "gaussian", x[:5], measurements)["crps_std"] is not None
    few = values("coverage", "gaussian", x, measurements, samples=2)
    assert few == values("coverage", "gaussian", x[:6], measurements)
    with pytest.raises(UsageError, match="samples must be at least 2"):
        benchbox.get("metric", "crps", samples=1)


@pytest.mark.parametrize("metric", ["psnr", "residual", "crps", "coverage", "class_accuracy"])
def test_they_pass_the_suite_for_strangers(metric: str) -> None:
    check_metric(metric)


def test_the_standard_error_is_over_measurements() -> None:
    """Two samples of a measurement that agree count once."""
    measurements, x, _ = exact("inpaint", m=50, n=1)
    assert isinstance(benchbox.get("metric", "crps"), EnsembleMetric)
    once, twice = (values("residual", "gaussian", s, measurements) for s in (x, x.repeat(2, 1)))
    assert once["residual_std"] == pytest.approx(twice["residual_std"])
    assert once["residual"] == pytest.approx(twice["residual"])


def digits(m: int) -> Measurements:
    model = benchbox.get("model", "mnist-edm")
    return truths.measure(pose(benchbox.get("problem", "inpaint"), model), model, m, 0)


def test_a_restored_digit_should_be_of_the_class_of_its_truth() -> None:
    measurements = digits(100)
    assert values("class_accuracy", "mnist-edm", measurements.truths, measurements)["class_accuracy"] == 1
    other = measurements.truths.roll(1, 0)
    row = values("class_accuracy", "mnist-edm", torch.cat([measurements.truths, other]), measurements)
    assert row["class_accuracy"] == pytest.approx(0.5, abs=0.01)
    assert row["class_accuracy_se"] < 0.01


def test_similarity_with_the_truth() -> None:
    measurements = digits(4)
    x = measurements.truths
    assert values("ssim", "mnist-edm", x, measurements) == {"ssim": pytest.approx(1), "ssim_std": pytest.approx(0)}
    worse = values("ssim", "mnist-edm", x + 0.2 * draws(*x.shape).float(), measurements)
    assert 0 < worse["ssim"] < 0.98
    with pytest.raises(UsageError, match="compares images, and model gaussian makes none"):
        benchbox.get("metric", "ssim").check(benchbox.get("model", "gaussian"))


def test_existing_samples_are_of_no_measurement(tmp_path: Any) -> None:
    model = benchbox.get("model", "mnist-edm")
    score = Score(np.zeros((2, 1, 28, 28), np.uint8), "mine", model, True, (benchbox.get("metric", "psnr"),))
    with pytest.raises(UsageError, match="metric psnr needs an inverse problem"):
        measure_samples(score, Store(tmp_path))
