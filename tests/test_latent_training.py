"""A model of latents of MNIST, trained here: `benchbox train --latent`, its card, and what is made of its samples."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Command
from PIL import Image

import benchbox as api
from benchbox.autoencoder_card import load_autoencoder, read_autoencoder_card
from benchbox.card import read_card
from benchbox.errors import UsageError
from benchbox.inputs.pixels import to_uint8
from benchbox.metrics.features import extractor
from benchbox.models.card_model import MNIST_DIGITS
from benchbox.nets.autoencoder import LATENT_STD
from benchbox.training.job import TrainingConfig
from benchbox.training.loop import Trainer
from benchbox.training.run import train_model


def silent(step: int, loss: float) -> None:
    """No progress is shown."""


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with digits.npz, twenty zeros and ones, and in out/ a model of their latents."""
    folder = tmp_path_factory.mktemp("latent")
    with np.load(MNIST_DIGITS) as file:
        images, labels = file["images"], file["labels"]
    np.savez(folder / "digits.npz", x=images[labels < 2], y=labels[labels < 2])
    train_model(config(folder), silent)
    return folder


def config(folder: Path, **changes: Any) -> TrainingConfig:
    job = TrainingConfig(
        folder / "digits.npz", folder / "out", "zeros-and-ones", "edm", ["p_mean=0", "p_std=1.3"], key="x", labels="y",
        latent=True, autoencoder_widths="16:16", autoencoder_steps=100, widths="32", steps=120, batch_size=20, lr=1e-2,
        ema=0.98, features="mnist-cnn", reference=True,
    )  # fmt: skip
    return replace(job, **changes)


@pytest.fixture
def folder(once: Path, tmp_path: Path, benchbox: Command) -> Path:
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_its_samples_are_digits_of_the_classes_that_were_asked_for(once: Path) -> None:
    x = api.sample("heun", model=str(once / "out/zeros-and-ones.json"), nfe=15, n=20)
    assert x.shape == (20, 1, 28, 28)
    classes = extractor("mnist-cnn", "cpu")(to_uint8(x, (-1, 1)), "isc").argmax(1)
    assert (classes == torch.arange(20) % 2).float().mean() >= 0.9


def test_latents_are_normalised_and_decode_to_the_images(once: Path) -> None:
    path = once / "out/zeros-and-ones.autoencoder.json"
    card = read_autoencoder_card(path)
    assert (card.shape, card.latent_shape) == ([1, 28, 28], [4, 7, 7])
    network = load_autoencoder(path, card.sha256, "cpu")
    with np.load(once / "digits.npz") as file:
        x = torch.as_tensor(file["x"])[:, None] / 127.5 - 1
    z = network.encode(x)
    assert tuple(z.shape[1:]) == (4, 7, 7)
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.std((0, 2, 3)), torch.full((4,), LATENT_STD))
    error = float((network.decode(z) - x).square().mean().sqrt())
    assert error == pytest.approx(card.reconstruction, abs=1e-4)
    assert error < 0.5 * float(x.std())


def test_metrics_and_pictures_are_of_what_it_decodes(folder: Path, benchbox: Command) -> None:
    run = ("run", "--model", "out/zeros-and-ones.json", "--sampler", "heun", "--nfe", 9, "--samples", 20)
    done = benchbox(*run, "--metric", "fid,teacher_error", "--set", "teacher_error.nfe=19", "--device", "cpu")
    assert done.status == 0, done.err
    (row,) = api.load_results("results").to_dict("records")
    assert row["model_sha256"] not in (None, read_card(Path("out/zeros-and-ones.json")).sha256)
    assert row["teacher_error_decoded"] > 0
    assert row["fid"] > 0
    done = benchbox("plot", "--kind", "samples", *run[1:7], "--output", "samples.png")
    assert done.status == 0, done.err
    with Image.open("samples.png") as picture:
        assert picture.width > 28


def test_a_resumed_training_ends_where_an_undisturbed_one_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped once in the autoencoder and once in the U-Net."""
    few: dict[str, Any] = {"autoencoder_steps": 4, "steps": 4, "batch_size": 4, "reference": False, "features": None}
    straight = train_model(config(folder, name="straight", **few), silent)
    advance, resumed = Trainer.advance, config(folder, name="resumed", **few)
    monkeypatch.setattr(Trainer.run, "__defaults__", (1,))  # a checkpoint after each step
    for steps in (2, 3):
        taken = iter(range(steps))

        def limited(trainer: Trainer[Any], taken: Any = taken) -> Any:
            if next(taken, None) is None:
                raise KeyboardInterrupt
            return advance(trainer)

        monkeypatch.setattr(Trainer, "advance", limited)
        with pytest.raises(KeyboardInterrupt):
            train_model(resumed, silent)
    monkeypatch.setattr(Trainer, "advance", advance)
    made = train_model(resumed, silent)
    for kind in ("", ".autoencoder"):
        weights = [(path.parent / f"{path.stem}{kind}.safetensors").read_bytes() for path in (straight, made)]
        assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--autoencoder-widths", "16:16:16"), "28×28 are not divisible by 8: each of the --autoencoder-widths halves"),
        (("--autoencoder-widths", "10"), "--autoencoder-widths 10: each must be a multiple of 16"),
        (("--widths", "16:16"), "images of 7×7 are not divisible by 2"),
        (("--learn-variance", "--prediction", "eps"), "--learn-variance applies to images"),
        (("--problem", "super-resolution:4"), "--problem applies to images"),
        (("--labels", "z"), "has no array 'z'"),
    ],
)
def test_what_does_not_fit_latents_is_refused_before_any_step(
    folder: Path, benchbox: Command, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr(Trainer, "advance", lambda self: pytest.fail("a step was taken"))
    sentence = benchbox("train", "digits.npz", "--key", "x", "-o", "new", "--latent", *more).sentence
    assert re.search(says, sentence), sentence


def test_an_autoencoder_that_is_missing_or_another_is_refused(folder: Path) -> None:
    path = folder / "out/zeros-and-ones.autoencoder.json"
    card = json.loads(path.read_text())
    path.write_text(json.dumps(card | {"latent_shape": [4, 14, 14]}))
    with pytest.raises(UsageError, match=r"latents of \[4, 7, 7\], and its autoencoder .* takes \[4, 14, 14\]"):
        api.sample("heun", model=str(folder / "out/zeros-and-ones.json"), nfe=3, n=1)
    path.write_text(json.dumps(card | {"sha256": "0" * 64}))
    with pytest.raises(UsageError, match="was changed or damaged"):
        api.sample("heun", model=str(folder / "out/zeros-and-ones.json"), nfe=3, n=1)
    path.unlink()
    with pytest.raises(UsageError, match=r"zeros-and-ones\.autoencoder\.json"):
        api.sample("heun", model=str(folder / "out/zeros-and-ones.json"), nfe=3, n=1)
