"""Metrics: the numbers are torch-fidelity's, however the samples come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import Dataset

import benchbox
from benchbox.errors import UsageError
from benchbox.metrics.fid import REFERENCES, FIDAccumulator, read_reference, to_uint8
from benchbox.metrics.statistics import Moments, gaussian_w2


class Images(Dataset[Tensor]):
    """uint8 images, as torch-fidelity reads them."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor:
        return self.images[i]


def blobs(n: int, seed: int) -> Tensor:
    """Smooth random grey images in [−1.2, 1.2]: some are clipped."""
    z = torch.randn(n, 1, 7, 7, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(z, size=28, mode="bilinear").clamp(-1.2, 1.2)


def accumulator() -> FIDAccumulator:
    from benchbox.metrics.features import extractor

    reference = read_reference(REFERENCES / "mnist-cnn-mnist-train.npz", "mnist-cnn")
    return FIDAccumulator(extractor("mnist-cnn", "cpu"), "mnist-cnn", reference, (-1.0, 1.0))


def fid_of(x: Tensor, batch_size: int) -> FIDAccumulator:
    total = accumulator()
    for first in range(0, len(x), batch_size):
        total.update(x[first : first + batch_size], torch.arange(first, first + batch_size))
    return total


@pytest.fixture(scope="module")
def fidelity() -> float:
    """torch-fidelity's own FID of two sets of images with the mnist-cnn extractor."""
    import torch_fidelity

    import benchbox.metrics.features  # noqa: F401 (registers mnist-cnn)

    one, two = (Images(to_uint8(blobs(n, seed), (-1.0, 1.0))) for n, seed in ((301, 1), (257, 2)))
    out = torch_fidelity.calculate_metrics(
        input1=one, input2=two, fid=True, feature_extractor="mnist-cnn", cuda=False, batch_size=64, verbose=False,
        save_cpu_ram=True,
    )  # fmt: skip
    return float(out["frechet_inception_distance"])


@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_fid_equals_torch_fidelity_at_any_batch_size(fidelity: float, batch_size: int) -> None:
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    one, two = fid_of(blobs(301, 1), batch_size).moments, fid_of(blobs(257, 2), 64).moments
    stats = [{"mu": m.mean, "sigma": m.covariance} for m in (one, two)]
    assert fid_statistics_to_metric(*stats, verbose=False)[KEY_METRIC_FID] == pytest.approx(fidelity, abs=1e-4)
    assert fidelity > 0.1


def test_fid_of_merged_and_reloaded_parts_is_that_of_the_whole() -> None:
    x = blobs(200, 3)
    whole, left, right = fid_of(x, 64), fid_of(x[:77], 64), fid_of(x[77:], 64)
    loaded = accumulator()
    loaded.load(left.state())
    loaded.merge(right)
    assert loaded.compute()["fid"] == pytest.approx(whole.compute()["fid"], rel=1e-9)
    assert whole.compute()["fid_features"] == "mnist-cnn"


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
    with pytest.raises(UsageError, match="no mnist-cnn statistics of data set 'cifar'"):
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
            context: Any = type("Context", (), {"model": model})
            total = benchbox.get("metric", name).start(context)
            total.update(model.draw(4000, seed=9) + shift, torch.arange(4000))
            values[name].append(total.compute()[name])
    assert values["w2"][0] < 0.1  # √(1.5 tr Σ/n) = 0.045
    assert values["w2"][1] == pytest.approx(2.0, abs=0.15)  # √4 coordinates, each off by 1
    assert values["sw2"][0] < 0.3
    assert values["sw2"][1] == pytest.approx(1.0, abs=0.3)  # a shift of (1, 1), seen along random directions


def test_the_shipped_references_are_those_of_mnist() -> None:
    train, test = (read_reference(REFERENCES / f"mnist-cnn-mnist-{s}.npz", "mnist-cnn") for s in ("train", "test"))
    assert (train.n, train.split, test.n, test.split) == (60_000, "train", 10_000, "test")
    assert train.mu.shape == (64,)
