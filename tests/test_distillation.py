"""`benchbox train --distill`: a consistency model from the trajectories of a teacher."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Command
from jumpers import ExactJumper
from safetensors.torch import load_file
from torch import nn

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.prediction import Wrapped
from benchbox.training.checkpoint import save_checkpoint
from benchbox.training.distillation import Distillation, Trajectories
from benchbox.training.distilled import DistillationConfig, card_teacher, distill_model, prepared_distillation
from benchbox.training.job import TrainingConfig
from benchbox.training.run import train_model

CPU = torch.device("cpu")
EDM = benchbox.get("schedule", "edm")


def exact_distillation(n_levels: int) -> tuple[Distillation, Trajectories]:
    """Of the Gaussian, whose exact jump the student knows; and trajectories of the teacher."""
    student = Wrapped(ExactJumper(predicts="edm", native=EDM), CPU, torch.float64)
    teacher = Denoiser(benchbox.get("model", "gaussian"), CPU, torch.float64)
    loss = Distillation(teacher, student, benchbox.get("sampler", "ode", method="rk4"), n_levels, sigma_min=0.002)
    z = torch.randn(8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return loss, loss.draw(z, 0.3, {})


def test_the_loss_of_the_exact_jump_is_the_error_of_the_teachers_solver() -> None:
    losses = []
    for n in (6, 48):
        loss, trajectories = exact_distillation(n)
        network = loss.student.network
        assert isinstance(network, nn.Module)
        losses.append(float(loss(network, trajectories, 8, torch.Generator().manual_seed(0))))
    assert losses[1] < 1e-3 < losses[0]


def test_every_state_of_a_trajectory_is_fitted_to_its_own_end() -> None:
    loss, trajectories = exact_distillation(12)
    assert len(trajectories.states) == 12
    assert trajectories.sigmas[0] == pytest.approx(80)
    assert trajectories.sigmas[-1] == pytest.approx(0.002)
    denoise = Denoiser(ExactJumper(predicts="edm", native=EDM), CPU, torch.float64)
    for sigma, x, end, _ in trajectories.points(8, torch.Generator().manual_seed(1)):
        assert (denoise.jump(x, sigma, 0.0) - end).abs().max() < 0.05
    shifted = loss.levels(-0.5)
    assert shifted.sigmas[1] > trajectories.sigmas[1]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of a class-conditional network of 8×8 images, barely trained."""
    folder = tmp_path_factory.mktemp("teacher")
    rng = np.random.default_rng(0)
    np.savez(folder / "a.npz", x=rng.integers(0, 256, (16, 8, 8), dtype=np.uint8), y=np.arange(16) % 3)
    config = TrainingConfig(folder / "a.npz", folder, "tiny", "edm", key="x", labels="y", steps=2, widths="16")
    return train_model(config, lambda *_: None)


@pytest.fixture
def card(teacher: Path, tmp_path: Path) -> Path:
    shutil.copytree(teacher.parent, tmp_path / "models")
    return tmp_path / "models" / "tiny.json"


def test_the_command_makes_a_model_that_jumps(benchbox: Command, card: Path) -> None:
    assert benchbox("train", "--distill", card, "--steps", 9, "--batch-size", 4, "--device", "cpu").status == 0
    made = json.loads((card.parent / "tiny-distilled.json").read_text())
    assert (made["jumps"], made["training"]["teacher"]) == ("consistency", "tiny")
    before, after = (load_file(card.parent / f"{name}.safetensors") for name in ("tiny", "tiny-distilled"))
    assert any(not torch.equal(before[name], after[name]) for name in before)
    run = ("run", "--model", card.parent / "tiny-distilled.json", "--samples", 4, "--metric", "none", "--device", "cpu")
    assert benchbox(*run, "--sampler", "consistency", "--nfe", "1,2").status == 0
    refused = benchbox(*run, "--sampler", "heun", "--nfe", 9)
    assert "model tiny-distilled only jumps" in refused.sentence
    assert (
        "metric ode_error needs a denoiser"
        in benchbox(*run[:-4], "--metric", "ode_error", "--sampler", "consistency", "--nfe", 2).sentence
    )


def test_an_interrupted_distillation_ends_where_an_undisturbed_one_does(card: Path, tmp_path: Path) -> None:
    """It is stopped in the middle of the steps that share their trajectories."""
    weights = []
    for name, stop in (("whole", 0), ("stopped", 11)):
        config = DistillationConfig(str(card), tmp_path / name, "student", steps=12, batch_size=4)
        if stop:
            distiller = prepared_distillation(config, card_teacher(str(card)))
            for _ in range(stop):
                distiller.advance()
            save_checkpoint(distiller, tmp_path / name / "student.checkpoint.safetensors")
        distill_model(config, lambda *_: None)
        weights.append(load_file(tmp_path / name / "student.safetensors"))
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("gaussian",), "--distill gaussian is no network with a card"),
        (("mnist-edm", "--widths", "32"), "widths does not go with --distill"),
    ],
)
def test_what_cannot_be_distilled_is_refused(benchbox: Command, arguments: tuple[str, ...], says: str) -> None:
    assert says in benchbox("train", "--distill", *arguments).sentence
