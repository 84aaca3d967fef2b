"""A classifier of noisy images: the bundled one, training, the card, and what classifier guidance refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Command

import benchbox as api
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import Request, expand
from benchbox.card import sha256
from benchbox.classifier_card import load_classifier, log_gradient, read_classifier_card
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.grid import Levels
from benchbox.metrics.class_accuracy import exact_classifier
from benchbox.models.bundled import NOISY_DIGITS as BUNDLED
from benchbox.models.bundled import WEIGHTS
from benchbox.registry import registry
from benchbox.training.noisy_classifier import ClassifierConfig, ClassifierLoss, train_noisy_classifier

CPU = torch.device("cpu")
MNIST = Path(__file__).parents[2] / "shared" / "data" / "mnist.npz"
LEVELS = Levels.cut(api.get("schedule", "edm"), api.get("grid", "karras"), 6)


class TestBundled:
    def test_it_is_small_and_belongs_to_its_card(self) -> None:
        card, file = read_classifier_card(BUNDLED), BUNDLED.with_suffix(".safetensors")
        assert file.stat().st_size < 1_000_000
        assert sha256(file) == card.sha256
        assert "CC BY-SA 3.0" in card.licence

    @pytest.mark.skipif(not MNIST.is_file(), reason="the MNIST images are not beside the repository, in ../shared/data")
    @pytest.mark.parametrize(("sigma", "least"), [(0.01, 0.97), (1.0, 0.93), (2.0, 0.75), (5.0, 0.3)])
    def test_it_knows_digits_that_it_was_not_trained_on(self, sigma: float, least: float) -> None:
        with np.load(MNIST) as file:
            x0 = torch.as_tensor(file["x_test"][:400, None]).float() / 127.5 - 1
            y = torch.as_tensor(file["y_test"][:400]).long()
        x = x0 + sigma * torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
        log_p = load_classifier(BUNDLED, CPU)(x, sigma)
        assert float((log_p.argmax(1) == y).double().mean()) > least
        torch.testing.assert_close(log_p.exp().sum(1), torch.ones(400))

    @pytest.mark.parametrize("sigma", [2e-3, 1.0, 80.0, 200.0])
    def test_the_guidance_keeps_its_size_at_every_level(self, sigma: float) -> None:
        """σ² ∇ log p(c | x) moves D by less than the data are wide."""
        x = (1 + sigma**2) ** 0.5 * torch.randn(16, 1, 28, 28, generator=torch.Generator().manual_seed(0))
        gradient = log_gradient(load_classifier(BUNDLED, CPU), x, sigma, torch.arange(16) % 10)
        assert torch.isfinite(gradient).all()
        assert float((sigma**2 * gradient).square().mean()) ** 0.5 < 1

    @pytest.mark.parametrize("name", ["mnist-edm", "mnist-ddpm"])
    def test_the_bundled_networks_are_guided_by_it(self, name: str) -> None:
        """A guided run of the unconditional network makes the digits that it is asked for."""
        how: dict[str, Any] = {"model": name, "nfe": 20, "n": 10, "guidance": "classifier"}
        found = []
        for scale in (0.0, 3.0):
            x = api.sample("ddim", scale=scale, **how)
            found.append(float((digits(x) == torch.arange(10)).double().mean()))
        assert found[0] < 0.5 < 0.6 < found[1]

    def test_a_guided_evaluation_is_counted_and_the_same_by_path(self) -> None:
        denoise = Denoiser(api.get("model", "mnist-edm"), CPU)
        denoise.at(torch.arange(3))
        x = torch.randn(3, 1, 28, 28)
        own, by_path = api.get("guidance", "classifier"), api.get("guidance", "classifier", card=BUNDLED)
        with torch.inference_mode():
            guided = own(denoise, LEVELS)(x, 1.5)
            assert (denoise.rows, denoise.guide_rows, denoise.backward_rows) == (3, 3, 3)
            assert torch.equal(guided, by_path(denoise, LEVELS)(x, 1.5))

    def test_the_path_belongs_to_the_stream_by_the_contents_of_the_card(self, tmp_path: Path) -> None:
        streams = []
        for licence in ("CC0", "CC BY"):
            values = json.loads(BUNDLED.read_text()) | {"licence": licence}
            (tmp_path / "c.json").write_text(json.dumps(values))
            (cell,) = expand(guided_by(tmp_path / "c.json"))
            streams.append(cell.stream)
        assert streams[0] != streams[1]

    def test_class_accuracy_of_images_is_not_that_of_the_guide(self) -> None:
        assert exact_classifier(api.get("model", "mnist-edm"), CPU) is None
        assert exact_classifier(api.get("model", "mixture"), CPU) is not None


def digits(x: torch.Tensor) -> torch.Tensor:
    """The class of each image by the extractor's classifier."""
    from benchbox.metrics.mnist_cnn import classifier

    with torch.inference_mode():
        return classifier()(x).argmax(1)


def guided_by(card: Path, model: str = "mnist-edm") -> Request:
    settings = [Setting("classifier", "card", [str(card)])]
    return Request(["heun"], [10], models=[model], guidances=["classifier"], settings=settings)


def test_the_levels_of_the_training_reach_those_of_every_built_in_schedule() -> None:
    for name in registry().names("schedule"):
        if registry().find("schedule", name).package == "benchbox-diffusion":
            schedule = api.get("schedule", name)
            assert ClassifierLoss().sigma_max >= float(schedule.sigma(schedule.t_max)) * (1 - 1e-9), name


class TestRefusals:
    def test_another_number_of_classes_or_shape_or_range_is_refused_before_any_work(self, tmp_path: Path) -> None:
        for changed, says in (
            ({"classes": 4}, "and model mnist-edm differ in the number of classes: 4 and 10"),
            ({"shape": [1, 16, 16]}, r"differ in the shape of a sample: \(1, 16, 16\) and \(1, 28, 28\)"),
            ({"data_range": [0.0, 1.0]}, r"differ in the range of the values: \(0.0, 1.0\) and"),
        ):
            (tmp_path / "c.json").write_text(json.dumps(json.loads(BUNDLED.read_text()) | changed))
            with pytest.raises(UsageError, match=says):
                expand(guided_by(tmp_path / "c.json"))

    @pytest.mark.parametrize(
        ("card", "model", "says"),
        [
            (WEIGHTS / "mnist-edm.json", "mnist-edm", "is not the card of a classifier of noisy images: it has no "),
            (Path("nowhere.json"), "mnist-edm", "there is no file nowhere.json"),
            (BUNDLED, "mnist-ncsn", "needs a model with a condition: model mnist-ncsn has none"),
        ],
    )
    def test_a_card_or_a_model_that_cannot_be_used_is_told_in_one_sentence(
        self, card: Path, model: str, says: str
    ) -> None:
        with pytest.raises(UsageError, match=says):
            expand(guided_by(card, model))

    def test_changed_weights_are_refused(self, tmp_path: Path) -> None:
        for file in (BUNDLED, BUNDLED.with_suffix(".safetensors")):
            shutil.copy(file, tmp_path)
        (tmp_path / "mnist-classifier.safetensors").write_bytes(b"something else")
        with pytest.raises(UsageError, match="was changed or damaged"):
            load_classifier(tmp_path / BUNDLED.name, CPU)


def halves(folder: Path) -> Path:
    """Images of two kinds: white above or white below."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    x = rng.integers(0, 40, (120, 8, 8), dtype=np.uint8)
    x[y == 0, :4] += 200
    x[y == 1, 4:] += 200
    np.savez(folder / "halves.npz", x=x, y=y)
    return folder / "halves.npz"


class TestTraining:
    def test_it_learns_and_its_accuracy_falls_with_the_noise(self, tmp_path: Path) -> None:
        job = ClassifierConfig(
            halves(tmp_path), tmp_path / "out", "two", "y", "x", held_out=40, widths="16", steps=80, batch_size=32
        )
        _, card = train_noisy_classifier(job, lambda *_: None)
        shares = [card.accuracy[sigma] for sigma in ("0.1", "1", "50")]
        assert shares[0] > 0.95 > shares[2]
        assert shares[0] >= shares[1] >= shares[2]
        assert card.training["images"] == 80

    def test_a_class_whose_images_are_all_held_out_is_a_class(self, tmp_path: Path) -> None:
        y = np.arange(12) % 10
        np.savez(tmp_path / "a.npz", x=np.zeros((12, 8, 8), dtype=np.uint8), y=y)
        for seed in range(3):  # half of the images are held out, the one of class 9 among them for some seed
            job = ClassifierConfig(
                tmp_path / "a.npz", tmp_path, f"s{seed}", "y", "x", held_out=6, widths="16", steps=1, seed=seed
            )
            assert train_noisy_classifier(job, lambda *_: None)[1].classes == 10

    def test_the_command_resumes_prints_the_accuracy_and_refuses_other_settings(
        self, benchbox: Command, tmp_path: Path
    ) -> None:
        halves(tmp_path)
        how = ("train-classifier", "halves.npz", "-o", "out", "--name", "two", "--key", "x", "--labels", "y")
        how = (*how, "--widths", "16", "--held-out", 20, "--steps")
        done = benchbox(*how, 2)
        assert done.status == 0, done.err
        assert re.search(r"0\.5 +│ \d+\.\d% ", done.out)
        weights = (tmp_path / "out" / "two.safetensors").read_bytes()
        assert benchbox(*how, 2, "--licence", "CC0").status == 0
        assert (tmp_path / "out" / "two.safetensors").read_bytes() == weights
        assert "steps was 2, is 3" in benchbox(*how, 3).sentence
        assert (
            "--held-out 120 must be above 0 and below the 120 images" in benchbox(*how, 2, "--held-out", 120).sentence
        )
        np.savez(tmp_path / "one.npz", x=np.zeros((9, 8, 8), dtype=np.uint8), y=np.zeros(9, dtype=int))
        said = benchbox("train-classifier", "one.npz", *how[2:-3], "--held-out", 2).sentence
        assert "a classifier needs at least 2 classes" in said
