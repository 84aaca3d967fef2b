"""Metrics without images: exact values, standard errors that match the spread, and the metric contract."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import benchbox
from benchbox.errors import UsageError
from benchbox.metric import Accumulator
from benchbox.metrics.blocks import block_error, block_of
from benchbox.metrics.energy import negative_distance
from benchbox.metrics.mmd import gaussian_kernel, median_distance
from benchbox.metrics.two_sample import Kernel, squared_distance
from benchbox.model import Model
from benchbox.testing import check_metric

NORMAL = benchbox.get("model", "gaussian", mean=(0.0,), eigenvalues=(1.0,))
GAUSSIAN = benchbox.get("model", "gaussian")
MIXTURE = benchbox.get("model", "mixture")
KERNELS: dict[str, Callable[[Model], Kernel]] = {
    "energy": lambda model: negative_distance,
    "mmd": lambda model: partial(gaussian_kernel, bandwidth=median_distance(model)),
}


def measured(metric: str, model: Model, x: Tensor, **options: Any) -> dict[str, Any]:
    accumulator = start(metric, model, **options)
    accumulator.update(x, torch.arange(len(x)))
    return accumulator.compute()


def start(metric: str, model: Model, **options: Any) -> Accumulator:
    context: Any = type("Context", (), {"model": model, "measurements": None})
    found: Accumulator = benchbox.get("metric", metric, **options).start(context)
    return found


def normal(n: int, mean: float, std: float) -> Tensor:
    return mean + std * torch.randn(n, 1, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


@pytest.mark.parametrize("name", ["energy", "mmd", "modes", "bpd", "vlb"])
def test_the_metrics_keep_the_contract(name: str) -> None:
    assert [check.passed for check in check_metric(name).checks] == [True] * 3


def test_energy_of_normal_laws_is_the_closed_form() -> None:
    def absolute(mean: float, std: float) -> float:
        """E|N(mean, std²)|."""
        return std * math.sqrt(2 / math.pi) * math.exp(-0.5 * (mean / std) ** 2) + mean * math.erf(
            mean / std / math.sqrt(2)
        )

    exact = 2 * absolute(1.5, math.hypot(1, 1.5)) - absolute(0, math.sqrt(2)) - absolute(0, 1.5 * math.sqrt(2))
    found = measured("energy", NORMAL, normal(1500, 1.5, 1.5))
    assert abs(found["energy"] - exact) < 3 * found["energy_std"] < 0.2 * exact


def test_mmd_of_normal_laws_is_the_closed_form() -> None:
    def mean_kernel(shift: float, variance: float, h: float = 1.3) -> float:
        """E exp(−X²/2h²), X ~ N(shift, variance)."""
        return h / math.sqrt(h**2 + variance) * math.exp(-0.5 * shift**2 / (h**2 + variance))

    exact = mean_kernel(0, 2) + mean_kernel(0, 2 * 1.5**2) - 2 * mean_kernel(1.5, 1 + 1.5**2)
    found = measured("mmd", NORMAL, normal(1500, 1.5, 1.5), bandwidth=1.3)
    assert abs(found["mmd"] - exact) < 3 * found["mmd_std"] < 0.2 * exact


def test_the_squared_distance_and_its_error_are_the_sums_over_different_indices(monkeypatch: Any) -> None:
    monkeypatch.setattr("benchbox.metrics.two_sample.ROWS_AT_ONCE", 4)
    n, (x, y) = 7, torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    k = partial(gaussian_kernel, bandwidth=1.5)
    h = (k(x, x) + k(y, y) - k(x, y) - k(y, x)).numpy()
    mean = np.mean([h[i, j] for i, j in permutations(range(n), 2)])
    same = np.mean([h[i, j] ** 2 for i, j in permutations(range(n), 2)])
    shared = np.mean([h[i, j] * h[i, m] for i, j, m in permutations(range(n), 3)])
    apart = np.mean([h[i, j] * h[m, q] for i, j, m, q in permutations(range(n), 4)])
    first, second = 4 * (n - 2) * (shared - apart) / (n * (n - 1)), 2 * (same - apart) / (n * (n - 1))
    expected = math.sqrt(max(first + second, second / 2))
    assert squared_distance(x, y, k) == pytest.approx((mean, expected), rel=1e-9)


@pytest.mark.parametrize("model", [GAUSSIAN, MIXTURE], ids=["gaussian", "mixture"])
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("shift", [0.0, 0.5], ids=["same", "shifted"])
def test_kernel_errors_match_the_spread(name: str, model: Any, shift: float) -> None:
    kernel = KERNELS[name](model)
    runs = [squared_distance(model.draw(64, 1000 + r) + shift, model.draw(64, 9000 + r), kernel) for r in range(300)]
    values, errors = np.array(runs).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.25)
    if shift == 0:
        assert abs(values.mean()) < 3 * values.std() / math.sqrt(300)


@pytest.mark.parametrize(("name", "model"), [("w2", GAUSSIAN), ("sw2", GAUSSIAN), ("sw2", MIXTURE)])
@pytest.mark.parametrize("shift", [0.0, 0.5], ids=["same", "shifted"])
def test_errors_of_w2_and_sw2_match_the_spread(name: str, model: Any, shift: float) -> None:
    values, errors = [], []
    for r in range(100):
        options = {"reference_seed": 9000 + r, "projections": 8, "resamples": 10} if name == "sw2" else {}
        found = measured(name, model, model.draw(320, 1000 + r) + shift, **options)
        values.append(found[name])
        errors.append(found[f"{name}_std"])
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.3)


def test_blocks_keep_runs_of_noise_together_and_only_equal_sizes_are_compared() -> None:
    assert block_of(np.arange(64), 3).reshape(4, 16).tolist() == [[b] * 16 for b in (0, 1, 2, 0)]
    assert block_error([1.0, 2.0, 50.0], [16, 16, 9]) == pytest.approx(math.sqrt(16 * 0.5 / 41))
    assert block_error([1.0, 2.0], [16, 9]) is None


def test_too_few_samples_give_nulls() -> None:
    for name, model in (("w2", GAUSSIAN), ("sw2", MIXTURE), ("energy", MIXTURE), ("mmd", MIXTURE), ("modes", MIXTURE)):
        assert set(start(name, model).compute().values()) == {None}
    assert measured("w2", GAUSSIAN, GAUSSIAN.draw(16, 1))["w2_std"] is None


def test_kernel_metrics_keep_no_more_than_their_bound() -> None:
    accumulator: Any = start("energy", MIXTURE, samples=50)
    x = MIXTURE.draw(200, 3)
    for first in (150, 100, 0, 50):
        accumulator.update(x[first : first + 50], torch.arange(first, first + 50))
    assert accumulator.state()["samples"].shape == (50, 2)
    assert accumulator.compute() == measured("energy", MIXTURE, x[:50])


def test_the_bandwidth_is_the_median_distance_of_the_data() -> None:
    law = benchbox.get("model", "gaussian", mean=(0.0, 0.0), eigenvalues=(1.0, 1.0))
    assert median_distance(law) == pytest.approx(math.sqrt(4 * math.log(2)), rel=0.03)  # a Rayleigh median
    with pytest.raises(UsageError, match="draws of the data are equal"):
        median_distance(benchbox.get("model", "gaussian", mean=(1.0,), eigenvalues=(0.0,)))


def test_mode_weights_are_unbiased_where_modes_overlap_and_their_errors_match_the_spread() -> None:
    law = benchbox.get("model", "mixture", dim=1, means=(0.0, 1.5), weights=(0.7, 0.3), stds=(1.0, 0.5))
    runs = [measured("modes", law, law.draw(100, r)) for r in range(200)]
    values, errors = (np.array([run[f"mode_weight_2{end}"] for run in runs]) for end in ("", "_std"))
    assert abs(values.mean() - 0.3) < 3 * values.std() / math.sqrt(200)
    assert errors.mean() == pytest.approx(values.std(), rel=0.15)


def test_mode_weights_see_a_sampler_that_drops_a_mode() -> None:
    x = MIXTURE.draw(4000, 3)
    kept = x[(x - torch.tensor([0.0, 6.0])).norm(dim=1) > 2]
    found = measured("modes", MIXTURE, kept)
    assert found["mode_recall"] == 0.75
    assert found["mode_weight_4"] < 1e-6
    assert found["mode_weight_1"] == pytest.approx(0.4 / 0.9, abs=4 * found["mode_weight_1_std"])


def test_mode_recall_and_its_error_for_a_rare_mode() -> None:
    law = benchbox.get("model", "mixture", dim=1, means=(0.0, 9.0), weights=(0.985, 0.015), stds=(1.0, 1.0))
    runs = [measured("modes", law, law.draw(100, r)) for r in range(400)]
    values, errors = (np.array([run[f"mode_recall{end}"] for run in runs]) for end in ("", "_std"))
    assert values.mean() == pytest.approx(1 - (1 - 0.9973 * 0.015) ** 100 / 2, abs=0.03)
    assert np.sqrt(np.square(errors).mean()) == pytest.approx(values.std(), rel=0.3)


@pytest.mark.parametrize(
    ("metric", "model", "says"),
    [
        ("modes", {"name": "gaussian"}, "known modes"),
        ("modes", {"name": "mixture", "stds": (0.5, 0.3, 0.8, 0.0)}, "positive weights and stds"),
        ("energy", {"name": "mnist-edm"}, "exact draws"),
        ("mmd", {"name": "mnist-edm"}, "exact draws"),
        ("bpd", {"name": "mnist-edm"}, "--set bpd.data=FILE.npz"),
        ("vlb", {"name": "mnist-ddpm"}, "--set vlb.data=FILE.npz"),
    ],
)
def test_a_metric_refuses_a_model_that_it_cannot_measure(metric: str, model: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        benchbox.get("metric", metric).check(benchbox.get("model", model.pop("name"), **model))


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        ("mmd", {"bandwidth": 0.0}),
        ("energy", {"samples": 3}),
        ("w2", {"blocks": 0}),
        ("sw2", {"resamples": 1}),
        ("bpd", {"probes": -1}),
    ],
)
def test_options_that_make_no_sense_are_refused(metric: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=metric):
        benchbox.get("metric", metric, **options)
