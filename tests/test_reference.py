"""References and extractors: images of any kind of file, weights that are checked, mismatches refused."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Command
from images import RANGE, blobs, model
from PIL import Image

import benchbox as api
from benchbox.card import sha256
from benchbox.errors import UsageError
from benchbox.inputs.pixels import to_uint8
from benchbox.metrics import weights
from benchbox.metrics.features import LocalDinoV2, extractor
from benchbox.metrics.reference import REFERENCE_FOLDER, read_reference

PIXELS = to_uint8(blobs(12, 0), RANGE).numpy()[:, 0]


def folder(path: Path) -> Path:
    (path / "b").mkdir(parents=True)
    for i, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(path / ("b" if i > 5 else ".") / f"{i:02d}.png")
    (path / "notes.txt").write_text("no picture")
    return path


def npz(path: Path) -> Path:
    np.savez(path.with_suffix(".npz"), x_train=PIXELS, y_train=np.zeros(12))
    return path.with_suffix(".npz")


def npy(path: Path) -> Path:
    np.save(path.with_suffix(".npy"), PIXELS[..., None].repeat(3, -1))
    return path.with_suffix(".npy")


def idx(path: Path) -> Path:
    path.write_bytes(struct.pack(">HBB3I", 0, 8, 3, *PIXELS.shape) + PIXELS.tobytes())
    return path


def idx_gz(path: Path) -> Path:
    path.with_suffix(".gz").write_bytes(gzip.compress(idx(path).read_bytes()))
    return path.with_suffix(".gz")


def make(benchbox: Command, images: Path, *more: object) -> Path:
    output = images.parent / "made.npz"
    assert benchbox("reference", "make", images, "-o", output, "--device", "cpu", *more).status == 0
    return output


@pytest.mark.parametrize("kind", [folder, npz, npy, idx, idx_gz])
def test_a_reference_is_made_of_images_of_any_kind_of_file(benchbox: Command, tmp_path: Path, kind: Any) -> None:
    """Their features' mean and covariance, n − 1 in the denominator, and some of the features themselves."""
    found = read_reference(
        make(benchbox, kind(tmp_path / "digits"), "--keep", 4, "--dataset", "mnist", "--split", "test"), vectors=True
    )
    features = extractor("mnist-cnn", "cpu").features(torch.as_tensor(PIXELS[:, None]))["64"].double().numpy()
    order = [0, 4, 7, 11]
    assert found.mu == pytest.approx(features.mean(0), abs=1e-5)
    assert found.sigma == pytest.approx(np.cov(features.T), abs=1e-4)
    assert found.vectors == pytest.approx(features[order], abs=1e-5)
    assert (found.n, found.dataset, found.split, found.features) == (12, "mnist", "test", "mnist-cnn")
    assert (found.resize, len(found.sha256)) == ("none", 64)


def test_the_hash_of_a_reference_is_that_of_its_images(benchbox: Command, tmp_path: Path) -> None:
    one = read_reference(make(benchbox, npz(tmp_path / "a"))).sha256
    assert read_reference(make(benchbox, idx(tmp_path / "b"))).sha256 == one
    assert one == read_reference(make(benchbox, npz(tmp_path / "a"), "--batch-size", 5)).sha256
    np.save(tmp_path / "c.npy", PIXELS[::-1])
    assert read_reference(make(benchbox, tmp_path / "c.npy")).sha256 != one


def test_what_is_no_images_is_one_sentence(benchbox: Command, tmp_path: Path) -> None:
    """tests/test_user_images.py has the kinds of it; train and reference make say it alike."""
    for command in (("reference", "make", "images", "-o", "made.npz"), ("train", "images", "-o", "models")):
        said = benchbox(*command).sentence
        assert "there is no file images." in said
    assert not list(tmp_path.iterdir())


def test_pictures_of_a_wrong_size_are_one_sentence(benchbox: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "small.npy", PIXELS[:, 4:])
    said = benchbox("reference", "make", tmp_path / "small.npy", "-o", "made.npz").sentence
    assert "mnist-cnn takes 28×28 images, not 24×28" in said


def test_statistics_of_others_are_imported_and_exported_unchanged(benchbox: Command, tmp_path: Path) -> None:
    """EDM and pytorch-fid write mu and sigma; ADM also writes spatial statistics and images."""
    sigma = np.cov(np.random.default_rng(0).standard_normal((6, 40)))
    theirs = {"mu": np.arange(6.0), "sigma": sigma, "mu_s": np.zeros(3), "arr_0": np.zeros((2, 4, 4, 3), np.uint8)}
    np.savez(tmp_path / "theirs.npz", **theirs)
    done = benchbox(
        "reference", "import", "theirs.npz", "-o", "ours.npz", "--dataset", "cifar10", "--count", 50000,
        "--written-by", "adm",
    )  # fmt: skip
    assert done.status == 0, done.err
    found = read_reference(tmp_path / "ours.npz")
    assert (found.n, found.dataset, found.features) == (50000, "cifar10", "inception-v3-compat")
    assert (found.resize, found.sha256) == ("bilinear-tf1", sha256(tmp_path / "theirs.npz"))
    assert benchbox("reference", "export", "ours.npz", "-o", "back.npz").status == 0
    with np.load(tmp_path / "back.npz") as back:
        assert sorted(back) == ["mu", "sigma"]
        assert np.array_equal(back["mu"], theirs["mu"])
        assert np.array_equal(back["sigma"], sigma)
    assert "dataset: cifar10" in benchbox("reference", "show", "ours.npz").out


def test_what_holds_no_statistics_is_one_sentence(benchbox: Command, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", mu=np.zeros(3), sigma=np.eye(4))
    assert "are no statistics" in benchbox("reference", "show", "other.npz").sentence
    (tmp_path / "other.npz").write_bytes(pickle.dumps({"mu": 0}))
    assert "other.npz is not a file of mu and sigma" in benchbox("reference", "show", "other.npz").sentence


# what does not fit is refused


def reference(path: Path, **said: Any) -> str:
    np.savez(path / "r.npz", mu=np.zeros(64), sigma=np.eye(64), **said)
    return str(path / "r.npz")


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"features": "vgg16"}, "holds vgg16 features, and mnist-cnn features are needed"),
        ({"resize": "bilinear"}, "was made with resize mode bilinear, and mnist-cnn uses none"),
        ({"dataset": "cifar10"}, "is of data set cifar10, and model mnist-edm was trained on mnist"),
    ],
)
def test_a_reference_that_does_not_fit_the_model_is_refused(tmp_path: Path, said: dict[str, str], says: str) -> None:
    metric = api.get("metric", "fid", reference=reference(tmp_path, **said))
    with pytest.raises(UsageError, match=rf"^the reference r\.npz {says}\.$"):
        metric.check(api.get("model", "mnist-edm"))


def test_a_reference_that_says_nothing_of_itself_and_one_for_a_formula_are_taken(tmp_path: Path) -> None:
    api.get("metric", "fid", reference=reference(tmp_path)).check(api.get("model", "mnist-edm"))
    api.get("metric", "fid", features="mnist-cnn", reference="mnist").check(model())


def test_kid_and_prc_need_the_features_of_the_reference(tmp_path: Path) -> None:
    for name in ("kid", "prc"):
        api.get("metric", name).check(api.get("model", "mnist-edm"))
        with pytest.raises(UsageError, match=r"this one .* has none: create one with benchbox reference make"):
            api.get("metric", name, reference=reference(tmp_path)).check(api.get("model", "mnist-edm"))


def test_the_features_that_come_with_benchbox_are_those_of_the_data_set() -> None:
    found = read_reference(REFERENCE_FOLDER / "mnist-cnn-mnist-train.npz", vectors=True)
    assert found.vectors is not None
    assert found.vectors.shape == (10_000, 64)
    error = np.sqrt(np.diag(found.sigma) / 10_000)
    assert (abs(found.vectors.mean(0) - found.mu) <= 4 * error).all()


# weights


def test_every_extractor_of_torch_fidelity_has_a_file_and_hashes_agree_with_file_names() -> None:
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    assert set(weights.known_weights()) | {"mnist-cnn"} == set(FEATURE_EXTRACTORS_REGISTRY)
    for name, known in weights.known_weights().items():
        stated = Path(known.file).stem.rpartition("-")[2]
        assert name.startswith("dinov2") or (known.sha256 or "").startswith(stated)


def test_missing_weights_are_named_with_their_place(
    benchbox: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = tmp_path / "hub" / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    arguments = ("run", "--sampler", "heun", "--nfe", "3", "--set", "fid.features=inception-v3-compat")
    said = benchbox(*arguments).sentence
    assert f"put the file {place.name} (SHA-256 6726825d" in said
    assert said.endswith(f"at {place}.")
    found = {check["what"]: check for check in json.loads(benchbox("doctor", "--json").out)}
    assert found["features inception-v3-compat"]["ok"] is None
    place.parent.mkdir(parents=True)
    place.write_bytes(b"others")
    said = benchbox(*arguments).sentence
    assert "the file was not loaded" in said
    found = {check["what"]: check for check in json.loads(benchbox("doctor", "--json").out)}
    assert found["features inception-v3-compat"]["ok"] is False


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("exploded"),)


def test_weights_are_not_unpickled_before_they_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "w.pth"
    torch.save(Bomb(), file)
    for digest, says in [("0" * 64, "was expected: the file was not loaded"), ("abc", "cannot be checked")]:
        with pytest.raises(UsageError, match=says):
            extractor("inception-v3-compat", "cpu", file, digest)
    assert not Path("exploded").exists()


HUB = """
import torch

def dinov2_vits14(pretrained):
    assert not pretrained
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2))
"""


def test_dinov2_is_built_by_the_code_in_the_cache_from_checked_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "w.pth"
    torch.save({"2.weight": torch.eye(3)[:2], "2.bias": torch.zeros(2)}, file)
    with pytest.raises(UsageError, match="put the repository facebookresearch/dinov2 at"):
        extractor("dinov2-vit-s-14", "cpu", file, sha256(file))
    code = tmp_path / "hub" / "facebookresearch_dinov2_main"
    code.mkdir(parents=True)
    (code / "hubconf.py").write_text(HUB)
    extract = extractor("dinov2-vit-s-14", "cpu", file, sha256(file))
    assert isinstance(extract.network, LocalDinoV2)
    grey = torch.full((2, 1, 5, 5), 51, dtype=torch.uint8)
    red, green = (0.2 - 0.485) / 0.229, (0.2 - 0.456) / 0.224  # ImageNet's mean and deviation
    assert extract(grey, "fid").tolist() == [pytest.approx([red, green], abs=1e-5)] * 2
