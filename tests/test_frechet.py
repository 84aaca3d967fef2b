"""The Fréchet distance against closed forms and other implementations, for regular and singular covariances."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchbox.metrics.frechet import factor, frechet_distance

Array = NDArray[np.float64]


def rotation(d: int, seed: int) -> Array:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def covariance(d: int, n: int, seed: int) -> tuple[Array, Array]:
    """Of n vectors of d coordinates of very different sizes, and a root of it."""
    x = np.random.default_rng(seed).standard_normal((d, n)) * np.geomspace(1, 1e-3, d)[:, None]
    root = (x - x.mean(1, keepdims=True)) / np.sqrt(n - 1)
    return root @ root.T, root


@pytest.mark.parametrize("decades", [0, 4, 8, 12])
@pytest.mark.parametrize("d", [1, 5, 60])
def test_commuting_covariances_have_a_closed_form(d: int, decades: int) -> None:
    """‖shift‖² + Σ (√λ − √κ)², for spectra of up to twelve decades."""
    rng = np.random.default_rng(d)
    q, shift = rotation(d, 1), rng.standard_normal(d)
    one, two = 10.0 ** -np.linspace(0, decades, d), 3 * rng.permutation(10.0 ** -np.linspace(0, decades, d))
    expected = shift @ shift + ((np.sqrt(one) - np.sqrt(two)) ** 2).sum()
    found = frechet_distance(shift, (q * one) @ q.T, np.zeros(d), (q * two) @ q.T)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "rank"), [(200, 60), (30, 29), (2, 1)])
def test_equal_gaussians_are_at_distance_0_even_where_they_are_singular(n: int, rank: int) -> None:
    sigma, _ = covariance(60, n, 0)
    assert factor(sigma).lower.shape == (60, rank)
    assert abs(frechet_distance(np.ones(60), sigma, np.ones(60), sigma)) < 1e-9 * np.trace(sigma)
    nothing = np.zeros((60, 60))
    assert frechet_distance(np.ones(60), sigma, np.ones(60), nothing) == pytest.approx(np.trace(sigma), rel=1e-12)


@pytest.mark.parametrize("sizes", [(200, 200), (30, 200), (200, 30), (30, 30), (40, 20), (2, 2)])
def test_the_cross_term_is_the_sum_of_the_singular_values_of_the_roots(sizes: tuple[int, int]) -> None:
    """tr (ΣΣ')^½ = ‖RᵀR'‖_* for any roots: exact whatever the ranks, from the data and not from the covariances."""
    (one, root_one), (two, root_two) = (covariance(60, n, seed) for seed, n in enumerate(sizes))
    cross = np.linalg.svd(root_one.T @ root_two, compute_uv=False).sum()
    expected = np.trace(one) + np.trace(two) - 2 * cross
    for a, b in ((one, two), (two, one)):
        assert frechet_distance(np.zeros(60), a, np.zeros(60), b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sizes", [(300, 400), (40, 400), (40, 30)])
def test_it_agrees_with_torch_fidelity(sizes: tuple[int, int]) -> None:
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    (one, _), (two, _) = (covariance(60, n, seed) for seed, n in enumerate(sizes))
    mean = np.linspace(0, 0.1, 60)
    theirs = fid_statistics_to_metric({"mu": mean, "sigma": one}, {"mu": 0 * mean, "sigma": two}, verbose=False)
    assert frechet_distance(mean, one, 0 * mean, two) == pytest.approx(theirs[KEY_METRIC_FID], rel=1e-6)
