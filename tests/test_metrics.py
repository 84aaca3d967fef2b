"""Metrics: pixels, moments, distances of Gaussians, and what a metric refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import benchbox
from benchbox.errors import UsageError
from benchbox.inputs.pixels import to_uint8
from benchbox.metrics.frechet import Moments, gaussian_w2
from benchbox.metrics.reference import REFERENCE_FOLDER, read_reference


def test_pixels_round_as_a_saved_image_does() -> None:
    x = torch.tensor([-2.0, -1.0, -1 + 0.49 / 127.5, -1 + 0.51 / 127.5, 0.0, 1.0, 1.7])
    assert to_uint8(x, (-1.0, 1.0)).tolist() == [0, 0, 0, 1, 128, 255, 255]
    assert to_uint8(torch.tensor([0.0, 0.5, 1.0]), (0.0, 1.0)).tolist() == [0, 128, 255]


def test_an_image_metric_refuses_a_model_that_makes_no_fitting_images() -> None:
    fid = benchbox.get("metric", "fid", features="mnist-cnn", reference="mnist")
    for options, says in [
        ({}, "measures images"),
        (
            {"mean": "0", "eigenvalues": ":".join(["1"] * 48), "sample_shape": "3:4:4", "data_range": "-1:1"},
            "takes 28×28",
        ),
    ]:
        with pytest.raises(UsageError, match=says):
            fid.check(benchbox.get("model", "gaussian", **options))
    with pytest.raises(UsageError, match="unknown feature extractor"):
        benchbox.get("metric", "fid", features="mnist-cn").check(benchbox.get("model", "mnist-edm"))
    with pytest.raises(UsageError, match="no mnist-cnn reference of data set 'cifar'"):
        benchbox.get("metric", "fid", reference="cifar").check(benchbox.get("model", "mnist-edm"))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 60), st.floats(-1e6, 1e6))
def test_moments_merge_to_those_of_all_vectors_whatever_the_split(seed: int, cut: int, offset: float) -> None:
    x = np.random.default_rng(seed).standard_normal((61, 4)) * [1, 2, 3, 4] + offset
    one, two = Moments(4), Moments(4)
    one.update(x[:cut])
    two.update(x[cut:])
    one.merge(two)
    assert one.n == 61
    assert np.allclose(one.mean, x.mean(0), rtol=1e-12)
    assert np.allclose(one.covariance, np.cov(x, rowvar=False), rtol=1e-6, atol=1e-6)


def test_w2_of_gaussians_matches_the_closed_form_of_commuting_covariances() -> None:
    rng = np.random.default_rng(1)
    q, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    a, b, m = rng.uniform(0, 3, 6), rng.uniform(0, 3, 6), rng.standard_normal(6)
    expected = np.sqrt(m @ m + np.sum((np.sqrt(a) - np.sqrt(b)) ** 2))
    assert gaussian_w2(m, (q * a) @ q.T, np.zeros(6), (q * np.sqrt(b)) @ q.T) == pytest.approx(expected, rel=1e-9)


def test_w2_and_sw2_are_small_for_exact_draws_and_see_a_shift() -> None:
    values: dict[str, list[float]] = {"w2": [], "sw2": []}
    for shift in (0.0, 1.0):
        for name, model_name in (("w2", "gaussian"), ("sw2", "mixture")):
            model = benchbox.get("model", model_name)
            context: Any = type("Context", (), {"model": model, "measurements": None})
            total = benchbox.get("metric", name).start(context)
            total.update(model.draw(4000, seed=9) + shift, torch.arange(4000))
            values[name].append(total.compute()[name])
    assert values["w2"][0] < 0.1  # √(1.5 tr Σ/n) = 0.045
    assert values["w2"][1] == pytest.approx(2.0, abs=0.15)  # √4 coordinates, each off by 1
    assert values["sw2"][0] < 0.3
    assert values["sw2"][1] == pytest.approx(1.0, abs=0.3)  # a shift of (1, 1), seen along random directions


def test_the_shipped_references_are_those_of_mnist() -> None:
    train, test = (read_reference(REFERENCE_FOLDER / f"mnist-cnn-mnist-{s}.npz") for s in ("train", "test"))
    assert (train.n, train.split, test.n, test.split) == (60_000, "train", 10_000, "test")
    assert train.mu.shape == (64,)
