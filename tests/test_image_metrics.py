"""FID, KID, Inception Score, precision and recall: torch-fidelity's values, however the samples come in."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from images import RANGE, Images, blobs, fake_extractor, fed, inception_weights, standard, written
from torch import Tensor

import benchbox
from benchbox.metrics.blocks import BlockMoments
from benchbox.metrics.features import extractor
from benchbox.metrics.fid import FIDAccumulator
from benchbox.metrics.kid import variance
from benchbox.metrics.stored import StoredFeatures
from benchbox.metrics.uncertainty import BLOCKS, fid_interval, samples_needed

COLUMNS = {
    "frechet_inception_distance": "fid", "kernel_inception_distance_mean": "kid",
    "kernel_inception_distance_std": "kid_std", "inception_score_mean": "isc", "inception_score_std": "isc_std",
    "precision": "precision", "recall": "recall", "f_score": "f_score",
}  # fmt: skip
"""torch-fidelity's names of our columns."""


def theirs(one: Tensor, two: Tensor, name: str, **options: Any) -> dict[str, float]:
    """torch-fidelity's own metrics of two sets of images."""
    import torch_fidelity

    out = torch_fidelity.calculate_metrics(
        input1=Images(one), input2=Images(two), fid=True, kid=True, isc=True, prc=True, feature_extractor=name,
        cuda=False, batch_size=64, verbose=False, save_cpu_ram=True, **options,
    )  # fmt: skip
    return {COLUMNS[key]: value for key, value in out.items()}


def ours(one: Tensor, batch_size: int, reference: Path, subset_size: int, splits: int, **how: Any) -> dict[str, Any]:
    metrics = [
        benchbox.get("metric", "fid", reference=str(reference), **how),
        benchbox.get("metric", "kid", reference=str(reference), subset_size=subset_size, **how),
        benchbox.get("metric", "isc", splits=splits, **how),
        benchbox.get("metric", "prc", reference=str(reference), **how),
    ]
    return {k: v for metric in metrics for k, v in fed(metric, one, batch_size).compute().items()}


def assert_equal(found: dict[str, Any], expected: dict[str, float]) -> None:
    assert found["fid"] == pytest.approx(expected["fid"], abs=1e-4)
    for name in COLUMNS.values():
        assert name == "fid" or found[name] == pytest.approx(expected[name], rel=1e-5), name


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tensor, Path, dict[str, float]]:
    one, two = blobs(301, 1), 0.9 * blobs(257, 2)
    path = written(tmp_path_factory.mktemp("mnist-cnn") / "two.npz", two, extractor("mnist-cnn", "cpu"))
    return one, path, theirs(one, two, "mnist-cnn", kid_subset_size=200)


@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_with_mnist_cnn_every_metric_equals_torch_fidelity(sets: Any, batch_size: int) -> None:
    one, reference, expected = sets
    found = ours(one, batch_size, reference, 200, 10, features="mnist-cnn")
    assert_equal(found, expected)
    assert min(expected.values()) > 0.01
    for metric in ("fid", "kid", "isc", "prc"):
        assert found[f"{metric}_features"] == "mnist-cnn"
    assert found["fid_reference"].startswith("blobs a 257 ")


def test_with_inception_every_metric_equals_torch_fidelity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Grey images of another size; weights from a local file; batches of 1, 7 and 256."""
    file = tmp_path / "weights.pth"
    how = {"features": "inception-v3-compat", "weights": file, "weights_sha256": inception_weights(file, monkeypatch)}
    one, two = blobs(7, 1, 20), blobs(5, 2, 20)
    extract = extractor("inception-v3-compat", "cpu", file, str(how["weights_sha256"]))
    reference = written(tmp_path / "two.npz", two, extract)
    expected = theirs(
        one, two, "inception-v3-compat", feature_extractor_weights_path=str(file), kid_subset_size=5, isc_splits=3
    )
    for batch_size in (1, 7, 256):
        assert_equal(ours(one, batch_size, reference, 5, 3, **how), expected)
    assert expected["fid"] > 0.1


def test_metrics_that_share_an_extractor_share_its_work() -> None:
    extract, x = fake_extractor(), blobs(200, 0, 4)
    sharing = [
        FIDAccumulator(extract, "fake", standard(16), RANGE),
        StoredFeatures(extract, "kid", RANGE, 1000, lambda features: {}),
    ]
    for index in torch.arange(200).split(130):
        for accumulator in sharing:
            accumulator.update(x[index], index)
    for accumulator in sharing:
        accumulator.state()
    assert extract.network.calls == 4  # type: ignore[attr-defined]


def test_fid_of_merged_and_reloaded_parts_is_that_of_the_whole() -> None:
    """10,000 and 40,000 samples, in batches of other sizes, and 50,000 at once."""
    x = torch.randn(50_000, 1, 1, 5, generator=torch.Generator().manual_seed(0))

    def part(first: int, last: int, size: int) -> FIDAccumulator:
        total = FIDAccumulator(fake_extractor(), "fake", standard(5), (-4.0, 4.0))
        for index in torch.arange(first, last).split(size):
            total.update(x[index], index)
        return total

    whole, few, more = part(0, 50_000, 1000), part(0, 10_000, 64), part(10_000, 50_000, 999)
    loaded = part(0, 0, 1)
    loaded.load(few.state())
    loaded.merge(more)
    for name, value in whole.compute().items():
        assert loaded.compute()[name] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value)


def test_the_memory_of_fid_does_not_grow_with_the_samples() -> None:
    def peak(n: int) -> int:
        total = FIDAccumulator(fake_extractor(), "fake", standard(64), RANGE)
        batch = torch.zeros(200, 1, 8, 8)
        tracemalloc.start()
        for first in range(0, n, 200):
            total.update(batch[:], torch.arange(first, first + 200))
        total.compute()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(400)  # imports
    assert peak(20_000) < 1.05 * peak(2_000)


# uncertainty


def test_the_interval_covers_the_true_distance_of_gaussians() -> None:
    """200 repetitions on the default `gaussian`, off in mean and in variance: 90 to 99 % of 95 % intervals cover."""
    law, n = benchbox.get("model", "gaussian"), 500
    mean, root = law.gaussian_law()
    reference = mean + 0.1, (1.2 * root) ** 2
    true = 4 * 0.1**2 + 0.2**2 * np.trace(root @ root)
    covered, values = 0, []
    for seed in range(200):
        blocks = BlockMoments(4, BLOCKS)
        blocks.add(law.draw(n, seed).numpy(), np.arange(n))
        found = fid_interval(blocks.moments, *reference)
        covered += found.low <= true <= found.high
        values.append(found.value)
    assert 0.9 <= covered / 200 <= 0.99
    assert np.mean(values) == pytest.approx(true, abs=3 * np.std(values) / np.sqrt(200))


def test_the_extrapolated_value_has_little_of_the_bias_even_where_samples_are_few_for_the_features() -> None:
    """40 features and 320 samples: the plain value of equal laws is 0.2 too large, the extrapolated one nearly 0."""
    rng, dim, n = np.random.default_rng(0), 40, 320
    plain, values = [], []
    for _ in range(20):
        total = FIDAccumulator(fake_extractor(), "fake", standard(dim), RANGE)
        total.blocks.add(rng.standard_normal((n, dim)), np.arange(n))
        out = total.compute()
        plain.append(out["fid"])
        values.append(out["fid_inf"])
        assert out["fid_note"] is None
    assert np.mean(plain) > 1  # type: ignore[arg-type]
    assert abs(np.mean(values)) < 0.05 * np.mean(plain)  # type: ignore[arg-type]


def test_too_few_samples_are_marked_and_have_no_interval() -> None:
    assert (samples_needed(64), samples_needed(2048)) == (320, 5120)
    total = FIDAccumulator(fake_extractor(), "fake", standard(64), RANGE)
    total.update(blobs(319, 0, 8), torch.arange(319))
    out = total.compute()
    assert out["fid_note"] == "319 samples, 320 needed"
    assert out["fid"] is not None
    assert [out[name] for name in ("fid_low", "fid_high", "fid_inf")] == [None] * 3
    total.update(blobs(1, 1, 8), torch.arange(319, 320))
    assert total.compute()["fid_note"] is None


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_standard_error_of_kid_is_its_spread(shift: float) -> None:
    from torch_fidelity.metric_kid import kernel_mmd

    rng = np.random.default_rng(0)
    pairs = [(rng.standard_normal((150, 6)) + shift, rng.standard_normal((200, 6))) for _ in range(80)]
    spread = np.std([kernel_mmd(x[:150], y[:150]) for x, y in pairs])
    stated = np.sqrt(np.mean([variance(x, y[:150]) for x, y in pairs]))
    assert stated == pytest.approx(spread, rel=0.3)


def test_the_row_says_that_there_are_too_few_samples() -> None:
    from benchbox.bench.row import with_notes

    row = {"status": "done", "reason": None, "fid_note": "5 samples, 320 needed", "kid_note": None}
    assert with_notes(row)["reason"] == "fid: 5 samples, 320 needed"
    assert with_notes(row | {"status": "failed", "reason": "x"})["reason"] == "x"
