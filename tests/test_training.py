"""Training: every loss has its minimum at the truth, and an interrupted run ends where an undisturbed one does."""

from __future__ import annotations

import json
import re
import shutil
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Command
from damage import damaged, read_or_told
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn

import benchbox as api
from benchbox.cli.main import app
from benchbox.errors import UsageError
from benchbox.inputs.images import read_images, read_labels
from benchbox.nets import ScoreNet, UNet
from benchbox.prediction import to_denoised
from benchbox.training.checkpoint import resume_from, save_checkpoint
from benchbox.training.job import TrainingConfig
from benchbox.training.loop import Trainer
from benchbox.training.losses import Loss
from benchbox.training.recipe import Recipe
from benchbox.training.run import train_model

PAIRS = [
    ("eps", "ddpm"), ("eps", "vp"), ("x0", "ddpm"), ("v", "cosine"), ("score", "ve"), ("edm", "edm"), ("flow", "flow"),
]  # fmt: skip


class Oracle(nn.Module):
    """The network that knows the one image there is: it predicts exactly what the noise and the image make of it."""

    def __init__(self, loss: Loss, x0: Tensor) -> None:
        super().__init__()
        self.loss, self.x0 = loss, x0
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        """Solve D(x, σ) = x_0 for the network's output."""
        schedule, sd = self.loss.schedule, self.loss.sigma_data
        if self.loss.prediction == "edm":
            sigma = torch.exp(4 * t.double()).view(-1, 1, 1, 1)
            s, x = torch.ones_like(sigma), y.double() * (sigma**2 + sd**2).sqrt()
        else:
            time = (t.double() + 1) / schedule.steps if schedule.steps else t.double()
            s, sigma = (
                torch.as_tensor(np.asarray(f(time.numpy()))).view(-1, 1, 1, 1) for f in (schedule.scale, schedule.sigma)
            )
            x = y.double() / s
        return torch.cat([self.solve(*level) for level in zip(x, s, sigma, strict=True)]).float()

    def solve(self, x: Tensor, s: Tensor, sigma: Tensor) -> Tensor:
        """The output of one sample; D is affine in it."""
        level = (x[None], float(s), float(sigma), self.loss.sigma_data)
        at0, at1 = (to_denoised(self.loss.prediction, torch.full_like(x[None], o), *level) for o in (0.0, 1.0))
        return (self.x0 - at0) / (at1 - at0)


@pytest.mark.parametrize(("prediction", "schedule"), PAIRS)
def test_the_loss_of_the_true_network_is_zero_and_that_of_another_is_not(prediction: Any, schedule: str) -> None:
    x0 = torch.linspace(-1, 1, 16).view(1, 1, 4, 4).expand(32, 1, 4, 4)
    loss = Loss(prediction, api.get("schedule", schedule), sigma_data=0.5)
    oracle = Oracle(loss, x0[:1].double())
    assert loss(oracle, x0, torch.Generator().manual_seed(0)) < 1e-3
    assert loss(lambda y, t: oracle(y, t) + 0.3, x0, torch.Generator().manual_seed(0)) > 1e-3  # type: ignore[arg-type]


def test_the_ladder_is_geometric_and_the_edm_levels_are_lognormal() -> None:
    generator = torch.Generator().manual_seed(0)
    _, _, sigma = Loss("score", api.get("schedule", "ve"), 0.5, ladder=10).levels(2000, generator)
    rungs = np.unique(sigma.numpy())
    assert len(rungs) == 10
    assert np.allclose(rungs[1:] / rungs[:-1], (50 / 0.01) ** (1 / 9), rtol=1e-3)
    _, _, sigma = Loss("edm", api.get("schedule", "edm"), 0.5, p_mean=-0.5, p_std=0.7).levels(20_000, generator)
    assert float(sigma.log().mean()) == pytest.approx(-0.5, abs=0.03)
    assert float(sigma.log().std()) == pytest.approx(0.7, abs=0.03)


def test_the_unet_is_its_input_shape_and_sees_time() -> None:
    net = UNet(channels=3, widths=(16, 32), blocks=1)
    nn.init.normal_(net.head[2].weight)  # type: ignore[index, arg-type, union-attr]
    for p in net.parameters():
        nn.init.normal_(p, std=0.05)
    y = torch.randn(2, 3, 16, 16)
    assert net(y, torch.tensor([1.0, 2.0])).shape == y.shape
    assert not torch.allclose(net(y, torch.tensor([0.0, 0.0])), net(y, torch.tensor([300.0, 300.0])))


def test_labels_make_a_class_conditional_network_that_can_also_do_without(tmp_path: Path) -> None:
    torch.manual_seed(0)
    images = np.zeros((64, 8, 8), dtype=np.uint8)
    images[:32], labels = 255, np.arange(64) // 32  # class 0 is white, class 1 black
    np.savez(tmp_path / "data.npz", x_train=images, y_train=labels)
    job = TrainingConfig(
        tmp_path / "data.npz", tmp_path, "two", "edm", ["p_mean=2", "p_std=1"], labels="y_train", widths="16",
        steps=250, batch_size=32, lr=5e-3,
    )  # fmt: skip
    card = train_model(job, lambda step, loss: None)
    x = api.sample("heun", model=str(card), nfe=15, n=8).mean(dim=(1, 2, 3))
    assert (x[::2] > 0.5).all()  # sample i is of class i mod 2
    assert (x[1::2] < -0.5).all()
    network = api.get("model", "card", path=str(card)).network("cpu")
    assert network(torch.zeros(3, 1, 8, 8), torch.zeros(3)).shape == (3, 1, 8, 8)
    with pytest.raises(UsageError, match="has no array 'y'"):
        read_labels(tmp_path / "data.npz", "y", 64)
    with pytest.raises(UsageError, match="labels must be 63 integers"):
        read_labels(tmp_path / "data.npz", "y_train", 63)


def test_the_score_network_divides_by_the_noise_of_its_level() -> None:
    class One(nn.Module):
        def forward(self, y: Tensor, t: Tensor) -> Tensor:
            return torch.ones_like(y)

    schedule = api.get("schedule", "ve")
    t = torch.tensor([0.1, 0.5, 0.9])
    score = ScoreNet(One(), schedule, sigma_data=0.5)(torch.zeros(3, 1, 2, 2), t)[:, 0, 0, 0]
    assert torch.allclose(score, -1 / torch.as_tensor(schedule.sigma(t.double().numpy())).float(), rtol=1e-4)


def trainer(steps: int = 12) -> Trainer:
    torch.manual_seed(0)
    images = torch.as_tensor(np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), dtype=np.uint8))
    loss = Loss("edm", api.get("schedule", "edm"), 0.5)
    return Trainer(UNet(widths=(16, 16)), loss, images, Recipe(steps=steps, batch_size=8, warmup=2))


def checkpoint_bytes() -> bytes:
    """A real checkpoint, after one step."""
    one = trainer()
    one.advance()
    with TemporaryDirectory() as folder:
        save_checkpoint(one, Path(folder) / "a")
        return (Path(folder) / "a").read_bytes()


def test_a_resumed_training_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    straight = trainer()
    list(straight.run(partial(save_checkpoint, path=tmp_path / "a")))
    first = trainer()
    for _ in range(5):
        first.advance()
    first.note("benchbox train …")
    save_checkpoint(first, tmp_path / "b")
    second = trainer()
    resume_from(second, tmp_path / "b")
    assert second.step == 5
    assert second.history == [(5, "benchbox train …")]
    list(second.run(partial(save_checkpoint, path=tmp_path / "b")))
    assert all(torch.equal(a, b) for a, b in zip(straight.average.values(), second.average.values(), strict=True))


@given(damaged(checkpoint_bytes()))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_checkpoint_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    read_or_told(lambda file: resume_from(trainer(), file), tmp_path / "a", content)


def pixels_of(path: Path, value: int) -> None:
    images = np.zeros((16, 8, 8), dtype=np.uint8)
    images[::2, 4:] = value
    np.savez(path, images=images, y=np.arange(16) % 2, z=np.arange(16) % 3)


TRAIN = ("train", "a.npz", "-o", "out", "--name", "tiny", "--steps", 2, "--batch-size", 8, "--widths", "16")


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (("train", "b.npz", *TRAIN[2:]), "images was .*, is .*; sigma_data"),
        ((*TRAIN, "--prediction", "eps"), "prediction was edm, is eps; .*schedule was edm, is ddpm"),
        ((*TRAIN, "--set", "sigma_max=90"), r"schedule\.sigma_max was 80\.0, is 90\.0\)"),
        ((*TRAIN, "--set", "p_mean=-1"), r"p_mean was -1\.2, is -1\.0\)"),
        ((*TRAIN, "--widths", "32"), r"network\.widths was 16, is 32\)"),
        ((*TRAIN, "--labels", "y"), r"labels was none, is .*; network\.classes was none, is 2\)"),
        ((*TRAIN, "--seed", 1), r"\(seed was 0, is 1\)"),
        ((*TRAIN, "--steps", 3), r"\(steps was 2, is 3\)"),
        ((*TRAIN, "--lr", 0.1, "--ema", 0.9, "--clip", 2), "lr .*; clip .*; ema "),
        ((*TRAIN, "--precision", "bfloat16"), r"\(bfloat16 was False, is True\)"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_and_nothing_is_written(
    benchbox: Command, trained: Path, other: tuple[Any, ...], says: str
) -> None:
    before = {file.name: file.read_bytes() for file in trained.iterdir()}
    said = benchbox(*other).sentence
    assert re.search(says, said), said
    assert said.endswith("start from scratch with --no-resume, or use another --name.")
    assert {file.name: file.read_bytes() for file in trained.iterdir()} == before


def test_the_same_training_goes_on_and_another_starts_anew_where_it_is_told_to(
    benchbox: Command, trained: Path
) -> None:
    weights = (trained / "tiny.safetensors").read_bytes()
    assert benchbox(*TRAIN, "--licence", "CC0").status == 0
    assert (trained / "tiny.safetensors").read_bytes() == weights
    assert json.loads((trained / "tiny.json").read_text())["licence"] == "CC0"
    assert benchbox(*TRAIN, "--seed", 1, "--no-resume").status == 0
    assert (trained / "tiny.safetensors").read_bytes() != weights


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the images a.npz and others, b.npz, and in out/ a training of two steps on a.npz."""
    folder = tmp_path_factory.mktemp("trained")
    pixels_of(folder / "a.npz", 255)
    pixels_of(folder / "b.npz", 200)
    train_model(
        TrainingConfig(folder / "a.npz", folder / "out", "tiny", "edm", steps=2, batch_size=8, widths="16"),
        lambda *_: None,
    )
    return folder


@pytest.fixture
def trained(once: Path, tmp_path: Path) -> Path:
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "out"


@pytest.mark.parametrize("more", [(), ("--labels", "y")], ids=["without labels", "with labels"])
def test_a_training_starts_from_the_weights_of_a_network_of_another_prediction(
    benchbox: Command, trained: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.setattr(Trainer, "advance", lambda self: setattr(self, "step", self.step + 1) or torch.ones(()))
    options = (*TRAIN[:5], "score", *TRAIN[6:], "--prediction", "score", *more)
    assert benchbox(*options, "--init-from", "out/tiny.json").status == 0
    source, mine = (api.get("model", "card", path=f"out/{name}.json") for name in ("tiny", "score"))
    weights = mine.module("cpu").net.state_dict()
    assert not weights.pop("label.weight", torch.zeros(1)).any()
    assert weights.keys() == source.module("cpu").state_dict().keys()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in source.module("cpu").state_dict().items())
    assert mine.card.training["init_from"] == "tiny"
    assert mine.card.training["init_from_sha256"] == source.sha256
    assert "init_from was tiny, is none" in benchbox(*options).sentence


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--name", "mnist/edm"), "--name mnist/edm is no valid file name: .* as mnist-edm"),
        (("--name", ".."), "--name .. is no valid file name"),
        (("-o", "a.npz"), "a.npz cannot be created"),
        (("--set", "ladder=10"), "the loss of prediction edm has no ladder"),
        (("--reference",), "--reference needs --features NAME"),
        (("--features", "mnist-cnn"), "mnist-cnn takes 28×28 images, not 8×8"),
        (("--features", "vgg16", "--reference"), "put the file vgg16"),
        (("--features", "nonsense"), "unknown feature extractor"),
        (("--init-from", "gaussian"), "--init-from gaussian is no network with a card"),
        (("--init-from", "mnist-edm"), "the weights of --init-from mnist-edm cannot be loaded: .* another network"),
    ],
)
def test_what_would_fail_at_the_end_is_refused_before_any_step(
    benchbox: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], says: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(Trainer, "advance", lambda self: pytest.fail("a step was taken"))
    pixels_of(tmp_path / "a.npz", 255)
    said = benchbox(*TRAIN, *more).sentence
    assert re.search(says, said), said


def test_a_trained_model_is_measured_by_the_statistics_of_its_own_images(benchbox: Command, tmp_path: Path) -> None:
    """Without an extractor it has no metric, and still runs."""
    np.savez(tmp_path / "a.npz", x_train=np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8))
    assert benchbox(*TRAIN).status == 0
    run = ("run", "--sampler", "ddim", "--nfe", 3, "--samples", 4, "--model", "out/tiny.json", "--device", "cpu")
    done = benchbox(*run)
    assert done.status == 0, done.err
    assert benchbox(*TRAIN, "--features", "mnist-cnn", "--reference").status == 0
    done = benchbox(*run, "--results", "measured")
    assert done.status == 0, done.err
    (row,) = api.load_results("measured").to_dict("records")
    assert row["fid"] > 0
    assert row["fid_reference"].startswith("a train 12 ")
    assert benchbox(*run, "--results", "measured", "--metric", "kid,prc", "--set", "kid.subset_size=4").status == 0
    said = benchbox("train", "a.npz", "-o", "out", "--name", "other", "--features", "mnist-cnn").sentence
    assert "there is no mnist-cnn reference of data set 'a': create one with --reference" in said


def write_images(path: Path) -> None:
    """Two kinds of 8×8 images, so that there is something to learn."""
    images = np.zeros((64, 8, 8), dtype=np.uint8)
    images[::2, :4] = 255
    images[1::2, :, :4] = 255
    np.savez(path, x_train=images)


@pytest.mark.parametrize("prediction", ["edm", "eps", "score"])
def test_the_command_trains_a_model_that_run_can_use(tmp_path: Path, prediction: str) -> None:
    from typer.testing import CliRunner

    write_images(tmp_path / "images.npz")
    out = tmp_path / "out"
    arguments = [
        "train", str(tmp_path / "images.npz"), "-o", str(out), "--name", "tiny", "--prediction", prediction,
        "--steps", "60",
        "--batch-size", "16", "--widths", "16:16", "--device", "cpu", "--licence", "CC0",
    ]  # fmt: skip
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    card = json.loads((out / "tiny.json").read_text())
    assert card["prediction"] == prediction
    assert card["licence"] == "CC0"
    assert card["training"]["steps"] == 60
    x = api.sample("ddim", model=str(out / "tiny.json"), nfe=10, n=16)
    assert x.shape == (16, 1, 8, 8)
    assert torch.isfinite(x).all()


def test_training_makes_samples_like_the_images(tmp_path: Path) -> None:
    torch.manual_seed(0)
    write_images(tmp_path / "images.npz")
    images = torch.as_tensor(read_images(tmp_path / "images.npz"))
    trained = Trainer(
        UNet(widths=(32,), patch=2),
        Loss("edm", api.get("schedule", "edm"), 1.0),
        images,
        Recipe(300, 32, warmup=20, lr=3e-3),
    )
    losses = [float(trained.advance()) for _ in range(300)]
    assert np.mean(losses[-30:]) < 0.4 * np.mean(losses[:30])


def test_a_finished_model_without_its_checkpoint_is_not_overwritten(trained: Path) -> None:
    (trained / "tiny.checkpoint.safetensors").unlink()
    before = (trained / "tiny.safetensors").read_bytes()
    job = TrainingConfig(trained.parent / "b.npz", trained, "tiny", "edm", steps=2, batch_size=8, widths="16")
    with pytest.raises(UsageError, match="has no checkpoint to resume from: start from scratch with --no-resume"):
        train_model(job, lambda *_: None)
    assert (trained / "tiny.safetensors").read_bytes() == before
