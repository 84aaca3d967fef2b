"""The bundled models are good: a person, and a classifier, reads their digits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from sweeping import measure
from torch import Tensor

import benchbox
from benchbox.bench.settings import parse_settings
from benchbox.bench.sweep import Request, expand
from benchbox.inputs.pixels import to_uint8
from benchbox.metrics.features import extractor
from benchbox.metrics.fid import FIDAccumulator
from benchbox.metrics.reference import REFERENCE_FOLDER, read_reference

ROOT = Path(__file__).parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"


def read(x: Tensor) -> Tensor:
    """The classifier's probabilities for images in [−1, 1]."""
    from benchbox.metrics.mnist_cnn import classifier

    with torch.inference_mode():
        return classifier()(to_uint8(x, (-1.0, 1.0)).float() / 127.5 - 1).softmax(1)


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return benchbox.sample("heun", model="mnist-edm", nfe=18, n=256, seed=1)


def test_digits_of_mnist_edm_are_recognised_and_of_all_classes(digits: Tensor) -> None:
    """2,000 samples are in docs/models.md; of 256 the standard error of 95 % is 1.4 %."""
    best = read(digits).max(1)
    assert float((best.values > 0.9).double().mean()) > 0.91
    counts = torch.bincount(best.indices, minlength=10) / len(digits)
    assert counts.min() > 0.02
    assert counts.max() < 0.2


def fid(request: Request) -> float:
    (cell,) = expand(request)
    row = measure(cell)
    assert row["status"] == "done", row["reason"]
    assert row["fid_features"] == "mnist-cnn"
    return float(row["fid"])


@pytest.mark.skipif(not MNIST.exists(), reason="the MNIST images are not beside the repository, in ../shared/data")
def test_mnist_edm_is_twenty_times_better_than_the_gaussian_of_the_training_images(
    tmp_path: Path, digits: Tensor
) -> None:
    subprocess.run([sys.executable, ROOT / "docs" / "gaussian_images.py", MNIST, tmp_path], check=True)
    settings = [
        "fid.features=mnist-cnn", "fid.reference=mnist", "gaussian.sample_shape=1:28:28", "gaussian.data_range=-1:1",
        *(f"gaussian.{n}={tmp_path / n}.npy" for n in ("mean", "eigenvalues", "eigenvectors")),
    ]  # fmt: skip
    gaussian = Request(
        ["heun"], [18], ["gaussian"], metrics=["fid"], n_samples=len(digits), settings=parse_settings(settings)
    )
    reference = read_reference(REFERENCE_FOLDER / "mnist-cnn-mnist-train.npz")
    accumulator = FIDAccumulator(extractor("mnist-cnn", "cpu"), "mnist-cnn", reference, (-1.0, 1.0))
    accumulator.update(digits, torch.arange(len(digits)))
    assert fid(gaussian) > 20 * accumulator.compute()["fid"]


def test_the_distilled_model_is_ahead_with_two_evaluations_of_solvers_with_four() -> None:
    """FIDs of 1,000 samples, and all solvers, are in docs/few-step.md."""
    jumps = fid(Request(["consistency"], [2], ["mnist-consistency"], metrics=["fid"], n_samples=256))
    for solver in ("ddim", "ancestral"):
        assert jumps < fid(Request([solver], [4], ["mnist-edm"], metrics=["fid"], n_samples=256)) / 2
