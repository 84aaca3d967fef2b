"""FID against the classes that were asked for: the moments of each class, and of any mixture of classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Command

import benchbox as api
from benchbox.errors import UsageError
from benchbox.metrics.features import Extractor
from benchbox.metrics.fid import FIDAccumulator, asked_labels
from benchbox.metrics.frechet import frechet_distance
from benchbox.metrics.reference import REFERENCE_FOLDER, Reference, read_reference, write_reference
from benchbox.metrics.reference_images import make_reference

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 240)
IMAGES = (RNG.integers(0, 180, (240, 1, 2, 2)) + 25 * LABELS[:, None, None, None]).astype(np.uint8)


def extractor() -> Extractor:
    """The pixels as features."""
    return Extractor("pixels", lambda x: (x.flatten(1).float(),), {"fid": "64"}, channels=1)


def reference(rows: Any = slice(None), labels: bool = True) -> Reference:
    return make_reference(IMAGES[rows], extractor(), labels=LABELS[rows] if labels else None, batch_size=50)


def test_the_reference_of_one_class_is_that_of_its_images(tmp_path: Path) -> None:
    write_reference(tmp_path / "all.npz", reference())
    read = read_reference(tmp_path / "all.npz").of_classes(np.array([2, 2]))
    alone = reference(LABELS == 2, labels=False)
    np.testing.assert_allclose(read.mu, alone.mu, rtol=1e-12)
    np.testing.assert_allclose(read.sigma, alone.sigma, rtol=1e-10)
    assert (read.n, read.split) == (alone.n, "classes 2")


def test_a_mixture_of_classes_has_the_moments_of_images_in_these_proportions() -> None:
    """Two of class 0 to one of class 2, with the covariance of each class unbiased."""
    mixed = reference().of_classes(np.array([0, 2, 0]))
    draws = [IMAGES[c == LABELS].reshape(-1, 4).astype(float) for c in (0, 2)]
    mean = (2 * draws[0].mean(0) + draws[1].mean(0)) / 3
    second = sum(w * (np.cov(x.T) + np.outer(x.mean(0), x.mean(0))) for w, x in zip((2, 1), draws, strict=True)) / 3
    np.testing.assert_allclose(mixed.mu, mean, rtol=1e-12)
    np.testing.assert_allclose(mixed.sigma, second - np.outer(mean, mean), rtol=1e-9, atol=1e-9)


def test_a_class_without_images_is_refused() -> None:
    with pytest.raises(UsageError, match="class 1 has fewer than two images"):
        make_reference(IMAGES[LABELS != 1], extractor(), labels=LABELS[LABELS != 1])


def test_the_bundled_classes_are_those_of_the_bundled_digits() -> None:
    digits, classes = (read_reference(REFERENCE_FOLDER / f"mnist-cnn-mnist-train{s}.npz") for s in ("", "-classes"))
    assert (classes.label, classes.features) == (digits.label, digits.features)
    assert classes.classes is not None
    assert classes.classes.n.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    pooled = classes.of_classes(np.repeat(np.arange(10), classes.classes.n))
    assert frechet_distance(pooled.mu, pooled.sigma, digits.mu, digits.sigma) < 1e-5
    three = classes.of_classes(np.array([3]))
    assert frechet_distance(three.mu, three.sigma, digits.mu, digits.sigma) > 100


def test_fid_of_asked_classes_is_that_against_their_reference() -> None:
    model = api.get("model", "mnist-edm", label=(2, 0))
    asked, alone = (
        FIDAccumulator(extractor(), "pixels", against, (0, 255), labels)
        for against, labels in (
            (reference(), lambda n: asked_labels(model, n)),
            (reference().of_classes(np.array([2, 0])), None),
        )
    )
    for accumulator in (asked, alone):
        accumulator.take(IMAGES[:100].reshape(-1, 4).astype(np.float32), np.arange(100))
    assert asked.compute()["fid"] == alone.compute()["fid"]
    assert str(asked.compute()["fid_reference"]).startswith("classes 0:2 ")


def test_both_references_stand_in_one_row(benchbox: Command, tmp_path: Path) -> None:
    words = ("--nfe", 4, "--guidance", "cfg", "--samples", 4, "--metric", "fid", "--set", "label=3")
    assert (
        benchbox("run", "--sampler", "ddim", *words, "--set", "fid.classes=all,asked", "--results", tmp_path).status
        == 0
    )
    (row,) = api.load_results(str(tmp_path)).to_dict("records")
    references = sorted(str(row[name]) for name in row if str(name).startswith("fid_reference"))
    assert references == ["mnist train 60000 741c9888", "mnist train classes 3 6131 741c9888"]


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("mnist-ncsn", {}, "the reference has 10 classes, and model mnist-ncsn is asked for none"),
        ("mnist-edm", {"reference": str(REFERENCE_FOLDER / "mnist-cnn-mnist-test.npz")}, "has none: create one with"),
    ],
)
def test_classes_that_cannot_be_compared_are_refused(model: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        api.get("metric", "fid", classes="asked", **options).check(api.get("model", model))


def test_reference_make_takes_labels(benchbox: Command, tmp_path: Path) -> None:
    digits = torch.randint(0, 255, (8, 28, 28), dtype=torch.uint8).numpy()
    np.savez(tmp_path / "digits.npz", x=digits, y=np.array([0, 1] * 4))
    words = ("--key", "x", "--labels", "y", "--device", "cpu", "-o", tmp_path / "made.npz")
    assert benchbox("reference", "make", tmp_path / "digits.npz", *words).status == 0
    classes = read_reference(tmp_path / "made.npz").classes
    assert classes is not None
    assert classes.n.tolist() == [4, 4]
