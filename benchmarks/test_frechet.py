"""The Fréchet distance at 2,048 features: `pytest benchmarks/test_frechet.py --benchmark-enable`.

For comparison: torch-fidelity (eigenvalues of a non-symmetric matrix) and the original (scipy's matrix square root).
The covariances are those of 3,000 vectors (regular) or 1,500 (singular) whose coordinates span two decades. The test of
the ratio compares processor times, which other processes affect little.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchbox.metrics.frechet import frechet_distance

D = 2048
Statistics = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@cache
def statistics(n: int) -> Statistics:
    rng = np.random.default_rng(0)
    one, two = (rng.standard_normal((n, D)) * np.geomspace(1, 1e-2, D) for _ in range(2))
    return one.mean(0), np.cov(one.T), two.mean(0), np.cov(two.T)


def torch_fidelity(mean: Any, sigma: Any, mean_ref: Any, sigma_ref: Any) -> float:
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    stats = ({"mu": mean, "sigma": sigma}, {"mu": mean_ref, "sigma": sigma_ref})
    return float(fid_statistics_to_metric(*stats, verbose=False)[KEY_METRIC_FID])


def scipy_sqrtm(mean: Any, sigma: Any, mean_ref: Any, sigma_ref: Any) -> float:
    from scipy.linalg import sqrtm

    traces = np.trace(sigma) + np.trace(sigma_ref)
    return float(np.sum((mean - mean_ref) ** 2) + traces - 2 * np.trace(sqrtm(sigma @ sigma_ref).real))


ROUTES: dict[str, Callable[..., float]] = {
    "benchbox": frechet_distance,
    "torch-fidelity": torch_fidelity,
    "scipy": scipy_sqrtm,
}


@pytest.mark.parametrize("n", [3000, 1500])
@pytest.mark.parametrize("route", ROUTES)
def test_frechet(request: pytest.FixtureRequest, benchmark: Any, route: str, n: int) -> None:
    skip_unless_measured(request)
    benchmark.group = f"{n} vectors"
    value = benchmark.pedantic(ROUTES[route], statistics(n), rounds=2)
    assert value == pytest.approx(frechet_distance(*statistics(n)), rel=1e-4)


@pytest.mark.parametrize("n", [3000, 1500])
def test_at_most_four_tenths_of_the_time_of_torch_fidelity(request: pytest.FixtureRequest, n: int) -> None:
    skip_unless_measured(request)
    ours, value = seconds(frechet_distance, n)
    theirs, reference = seconds(torch_fidelity, n)
    assert value == pytest.approx(reference, rel=1e-6)
    print(f"{n} vectors: {ours:.2f} s, torch-fidelity {theirs:.2f} s")
    assert ours / theirs <= 0.4


def skip_unless_measured(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("benchmark_disable") and not request.config.getoption("benchmark_enable"):
        pytest.skip("a measurement: it runs with --benchmark-enable")


def seconds(route: Callable[..., float], n: int) -> tuple[float, float]:
    """The smaller of two processor times, and the value."""
    times = []
    for _ in range(2):
        start = time.process_time()
        value = route(*statistics(n))
        times.append(time.process_time() - start)
    return min(times), value
