"""PSNR, SSIM and LPIPS of pairs of images, against their definitions written out."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import benchbox
from benchbox.card import sha256
from benchbox.errors import UsageError
from benchbox.metrics import similarity
from benchbox.metrics.similarity import SQUEEZE, lpips, perceptual, psnr, ssim
from benchbox.metrics.weights import Weights


def pair(n: int = 3, size: int = 28, channels: int = 1) -> tuple[Tensor, Tensor]:
    """Images in [−1, 1], and the same with some noise."""
    generator = torch.Generator().manual_seed(4)
    x = torch.rand(n, channels, size, size, generator=generator, dtype=torch.float64) * 2 - 1
    return x, (x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(-1, 1)


def test_psnr_is_that_of_each_pair() -> None:
    x, y = pair()
    expected = 10 * np.log10(4 / np.square((x - y).numpy()).mean((1, 2, 3)))
    assert psnr(x, y, (-1.0, 1.0)).numpy() == pytest.approx(expected, rel=1e-6)
    assert psnr(x[:1], x[:1], (-1.0, 1.0)).tolist() == [float("inf")]


def test_ssim_is_the_mean_over_gaussian_windows_inside_the_image() -> None:
    x, y = pair(n=2, size=14)
    axis = np.exp(-np.square(np.arange(-5, 6)) / (2 * 1.5**2))
    window = np.outer(axis, axis) / np.sum(np.outer(axis, axis))
    c1, c2, expected = (0.01 * 2) ** 2, (0.03 * 2) ** 2, []
    for images in zip(x[:, 0].numpy(), y[:, 0].numpy(), strict=True):
        a, b = images
        values = []
        for i, j in np.ndindex(4, 4):
            p, q = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mp, mq = np.sum(window * p), np.sum(window * q)
            vp, vq, pq = (np.sum(window * s * t) for s, t in ((p - mp, p - mp), (q - mq, q - mq), (p - mp, q - mq)))
            values.append((2 * mp * mq + c1) * (2 * pq + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
        expected.append(np.mean(values))
    assert ssim(x, y, (-1.0, 1.0)).numpy() == pytest.approx(expected, rel=1e-6)
    assert ssim(x, x, (-1.0, 1.0)).numpy() == pytest.approx(1)


def test_ssim_is_that_of_scikit_image() -> None:
    """structural_similarity(…, gaussian_weights=True, sigma=1.5, use_sample_covariance=False) of version 0.26.0."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (28, 28))
    y = np.clip(x + 0.3 * rng.standard_normal((28, 28)), -1, 1)
    images = (torch.as_tensor(image)[None, None] for image in (x, y))
    assert float(ssim(*images, (-1.0, 1.0))) == pytest.approx(0.5783106128201917, rel=1e-9)


@pytest.fixture
def squeeze(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for torch's cache in which the weights of one small network are seeded random ones."""
    from torchvision.models import squeezenet1_1

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / SQUEEZE.file
    file.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(squeezenet1_1(weights=None).state_dict(), file)
    monkeypatch.setitem(similarity.BACKBONES, "squeeze", Weights(SQUEEZE.file, sha256(file)))
    perceptual.cache_clear()
    yield file
    perceptual.cache_clear()


def written_out(x: Tensor, y: Tensor, file: Path) -> Tensor:
    """LPIPS of RGB images in [−1, 1] (Zhang et al. 2018, eq. 1), from the two files of weights."""
    from torchvision.models import squeezenet1_1

    net = squeezenet1_1(weights=None)
    net.load_state_dict(torch.load(file))
    found = importlib.util.find_spec("torchmetrics")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "functional" / "image" / "lpips_models"
    linear = torch.load(folder / "squeeze.pth", map_location="cpu")
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    features = [(z - shift[:, None, None]) / scale[:, None, None] for z in (x, y)]
    total = torch.zeros(len(x))
    ends = [2, 5, 8, 10, 11, 12, 13]
    for i, (first, last) in enumerate(zip([0, *ends], ends, strict=False)):
        features = [net.features[first:last](z) for z in features]
        a, b = (z / (z.square().sum(1, keepdim=True).sqrt() + 1e-8) for z in features)
        total += ((a - b).square() * linear[f"lin{i}.model.1.weight"]).sum(1).mean((1, 2))
    return total


def test_lpips_is_the_weighted_distance_of_features(squeeze: Path) -> None:
    x, y = (z.float() for z in pair(n=2, size=70, channels=3))
    with torch.inference_mode():
        expected = written_out(x, y, squeeze)
    assert float(expected.min()) > 0
    assert lpips(x, y, (-1.0, 1.0), "squeeze").numpy() == pytest.approx(expected.numpy(), rel=1e-4)
    assert lpips((x + 1) / 2, (y + 1) / 2, (0.0, 1.0), "squeeze").numpy() == pytest.approx(expected.numpy(), rel=1e-3)


def test_lpips_takes_small_grey_images(squeeze: Path) -> None:
    x, y = (z.float() for z in pair())
    values = lpips(x, y, (-1.0, 1.0), "squeeze")
    assert values.shape == (3,)
    assert float(values.min()) > 0
    assert lpips(x, x, (-1.0, 1.0), "squeeze").tolist() == [0, 0, 0]


def test_weights_that_are_missing_or_changed_are_not_loaded(squeeze: Path, monkeypatch: Any) -> None:
    x, y = pair()
    with pytest.raises(UsageError, match=r"alexnet-owt-7be5be79\.pth"):
        lpips(x, y, (-1.0, 1.0))
    squeeze.write_bytes(squeeze.read_bytes() + b"x")
    with pytest.raises(UsageError, match="changed or damaged"):
        lpips(x, y, (-1.0, 1.0), "squeeze")


def test_without_torchmetrics_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torchmetrics.functional.image", None)
    with pytest.raises(UsageError, match=r"\.\[similarity\]"):
        ssim(*pair(), (-1.0, 1.0))


def test_lpips_as_a_metric_takes_weights_by_a_path_and_says_which_are_missing(squeeze: Path, tmp_path: Path) -> None:
    model = benchbox.get("model", "mnist-edm")
    metric = benchbox.get("metric", "lpips", net="squeeze")
    metric.check(model)
    moved = squeeze.rename(tmp_path / "mine.pth")
    with pytest.raises(UsageError, match=rf"^{SQUEEZE.file} of torchvision, the network of LPIPS, is missing: put"):
        metric.check(model)
    mine = benchbox.get("metric", "lpips", net="squeeze", weights=moved)
    mine.check(model)
    assert mine.files(model) == {"weights": moved}
    x = torch.rand(2, 1, 28, 28) * 2 - 1
    assert mine.compare(x, x, (-1.0, 1.0)).tolist() == [0, 0]
    assert float(mine.compare(x, x.flip(0), (-1.0, 1.0)).min()) > 0
