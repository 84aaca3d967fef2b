"""Measured orders, weak and strong, and the metric of the strong error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchbox import Context, Levels, Sampler, get, sample
from benchbox.denoiser import Denoiser
from benchbox.exact.convergence import measure_orders
from benchbox.exact.order import climb, judge
from benchbox.exact.rules import Trial, vector
from benchbox.metrics.ode_solution import solution
from benchbox.noise import Noise


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("ddim", {"eta": 0.0}, 1),
        ("ddim", {"eta": 1.0}, 1),
        ("ancestral", {"variance": "large"}, 1),
        ("heun", {}, 2),
        ("euler-maruyama", {}, 1),
        ("euler-maruyama", {"frame": "vp"}, 1),
        ("ode", {"method": "rk4"}, 4),
        ("ode", {"method": "heun3", "frame": "none"}, 3),
    ],
)  # fmt: skip
def test_measured_orders(name: str, options: dict[str, Any], expected: int) -> None:
    """To ±0.2, weak and (where nothing is drawn) strong."""
    found = list(measure_orders(Trial.of(get("sampler", name, **options), get("schedule", "edm"))))
    assert {o.kind for o in found} == (
        {"weak"} if name in ("euler-maruyama", "ancestral") or options.get("eta") else {"weak", "strong"}
    )
    for order in found:
        assert order.slope.order == pytest.approx(expected, abs=0.2), (order.kind, order.slope.table)
        assert order.slope.asymptotic is not None


def test_asymptotic_range_is_found() -> None:
    """An error that is flat at first, second order then, and rounding at last."""
    slope = climb(lambda n: 3.0 / (1 + (n / 40) ** 2) + 1e-13, claim=2)
    assert slope.order == pytest.approx(2, abs=0.05)
    assert slope.asymptotic is not None
    assert slope.asymptotic[0] > 40
    floor = judge([8, 16, 32, 64, 128], [1e-4, 1e-6, 1e-8, 1e-14, 3e-15], 1e-10)
    assert floor.order == pytest.approx(math.log2(100))
    assert floor.asymptotic == (8, 32)


def test_an_order_that_is_not_there_is_not_supported() -> None:
    first = climb(lambda n: 1 / n, claim=2)
    assert first.intervals[-1] == 1024  # it climbs on, for the claim
    assert not first.supports(2)
    assert first.supports(1)
    assert climb(lambda n: 1e-14, claim=2).supports(2)
    assert not climb(lambda n: 0.3, claim=1).supports(1)


def test_solution_is_the_exact_flow() -> None:
    """On Gaussian data the ODE multiplies deviations by √((λ+σ'²)/(λ+σ²))."""
    model = vector()
    x = torch.as_tensor(np.random.default_rng(0).standard_normal((5, 4))) * 10
    end = solution(Denoiser(model, torch.device("cpu"), torch.float64), x, 10.0, 0.05, 1e-9)
    mean, spectrum = torch.as_tensor(model.center), torch.as_tensor(model.spectrum)
    exact = mean + (x - mean) * ((spectrum + 0.05**2) / (spectrum + 100)).sqrt()
    torch.testing.assert_close(end, exact, rtol=1e-6, atol=1e-7)


def test_ode_error_is_the_distance_to_the_exact_solution() -> None:
    """Heun with many steps is near it, with few not; the noise is made anew from the run's seed, batch by batch."""
    metric, model = get("metric", "ode_error", samples=20), get("model", "mixture")
    grid = get("grid", "karras")
    errors = []
    for nfe in (19, 79):
        levels = Levels.cut(model.schedule, grid, (nfe + 1) // 2)
        denoise = Denoiser(model, torch.device("cpu"), torch.float64)
        x = sample("heun", "mixture", nfe=nfe, n=24, seed=5, dtype="float64")
        context = Context(model, denoise, model.schedule, levels, torch.device("cpu"), 5)
        accumulator = metric.start(context)
        for part in (slice(0, 10), slice(10, 24)):
            accumulator.update(x[part], torch.arange(24)[part])
        errors.append(accumulator.compute()["ode_error"])
        assert denoise.rows == 0  # the solution's evaluations are not the run's
        assert set(accumulator.squares) == set(range(20))
    assert errors[1] < 0.05 * errors[0]
    assert 1e-6 < errors[1] < errors[0] < 1


def test_ode_error_is_a_metric_of_run(tmp_path: Any) -> None:
    from sweeping import measure

    from benchbox.bench.sweep import one_cell

    rows = [
        measure(one_cell("ddim", "mixture", nfe, metrics=["ode_error"], n_samples=64, batch_size=30, final=final))
        for nfe, final in ((20, "denoise"), (80, "denoise"), (80, "none"))
    ]
    assert [row["status"] for row in rows] == ["done"] * 3, rows
    assert [row["nfe"] for row in rows] == [20, 80, 80]
    assert rows[1]["ode_error"] < 0.5 * rows[0]["ode_error"]
    assert rows[2]["ode_error"] < 0.5 * rows[0]["ode_error"]


@dataclass(frozen=True)
class Needy(Sampler):
    """DDIM that refuses fewer than 20 intervals."""

    name = "needy"
    order = 1

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        if len(grid.sigmas) < 21:
            raise ValueError("take more levels")
        yield from get("sampler", "ddim")(denoise, x, grid, noise)


def test_rungs_that_a_method_refuses_are_left_out() -> None:
    trial = Trial(Needy(), get("schedule", "edm"), get("grid", "karras", sigma_min=0.05, sigma_max=10.0))
    from benchbox.exact.order import weak_slope

    slope = weak_slope(trial.sampler, vector(), trial.schedule, trial.grid)
    assert slope.intervals[0] == 32
    assert slope.order == pytest.approx(1, abs=0.2)
