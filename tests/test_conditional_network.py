"""A network that takes the measurement of an inverse problem as an input, trained and run by the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate
from typer.testing import CliRunner

import benchbox
from benchbox.bench.request import Request
from benchbox.bench.run import Run
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import expand
from benchbox.cli.main import app
from benchbox.errors import UsageError
from benchbox.nets.measured import measure_batch, upsampled
from benchbox.nets.unet import UNet
from benchbox.training.problem_option import parsed_problem


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of images of one grey value each, trained for super-resolution by 4."""
    path = tmp_path_factory.mktemp("sr")
    grey = np.random.default_rng(0).integers(0, 256, (64, 1, 1, 1), np.uint8)
    np.savez(path / "images.npz", images=np.broadcast_to(grey, (64, 1, 8, 8)))
    words = "train images.npz --problem super-resolution:4:sigma_y=0.1 --steps 80 --batch-size 32 --widths 16 --lr 5e-3"
    done = CliRunner().invoke(
        app, [*words.replace("images.npz", str(path / "images.npz")).split(), "-o", str(path), "--name", "sr"]
    )
    assert done.exit_code == 0, done.output
    return path


def cell(folder: Path, **options: float) -> list[object]:
    settings = [Setting(None, name, [value]) for name, value in options.items()]
    request = Request(
        ["ddim"], [6], [str(folder / "sr.json")], problems=["super-resolution"], n_samples=32, measurements=16,
        metrics=["psnr", "crps"], settings=[*settings, Setting(None, "truth", [folder / "images.npz"])],
    )  # fmt: skip
    return list(expand(request))


def test_the_card_states_the_problem_and_the_network_uses_the_measurement(folder: Path) -> None:
    card = json.loads((folder / "sr.json").read_text())
    assert card["problem"] == {"name": "super-resolution", "sigma_y": 0.1, "factor": 4, "filter": "average"}
    assert card["architecture"]["measured"] == 1
    samples = benchbox.sample(
        "ddim", model=str(folder / "sr.json"), nfe=10, n=32, problem="super-resolution", factor=4, sigma_y=0.1,
        measurements=16, truth=folder / "images.npz",
    )  # fmt: skip
    with np.load(folder / "images.npz") as file:
        truths = torch.as_tensor(file["images"][:16]).float() / 127.5 - 1
    error = (samples.view(2, 16, 1, 8, 8) - truths).square().mean().sqrt()
    other = (samples.view(2, 16, 1, 8, 8) - truths.roll(1, 0)).square().mean().sqrt()
    assert float(error) < 0.5 * float(other)


def test_it_needs_no_guidance_and_no_other_problem(folder: Path) -> None:
    (own,) = cell(folder, factor=4, sigma_y=0.1)
    run = Run(own)  # type: ignore[arg-type]  # a cell
    run.denoise.at(torch.arange(3))
    y = run.denoise.measurement.y  # type: ignore[union-attr]  # there is one under a problem
    torch.testing.assert_close(run.denoise.conditions["measured"], interpolate(y, size=(8, 8), mode="bicubic"))
    with pytest.raises(UsageError, match="model sr takes the measurement of another problem: super-resolution"):
        cell(folder, factor=2, sigma_y=0.1)
    with pytest.raises(UsageError, match="model sr solves an inverse problem: give one, such as --problem super-res"):
        expand(Request(["ddim"], [6], [str(folder / "sr.json")]))
    with pytest.raises(UsageError, match="guidance ddnm and model sr both use the measurement"):
        expand(Request(["ddim"], [6], [str(folder / "sr.json")], guidances=["ddnm"], problems=["super-resolution"]))


def test_training_measures_as_a_run_does() -> None:
    problem = parsed_problem("inpaint:half=left:sigma_y=0.3")
    assert (problem.sigma_y, problem.half) == (0.3, "left")  # type: ignore[attr-defined]  # an option of inpaint
    x = torch.zeros(500, 1, 4, 4)
    y = measure_batch(problem, x, torch.Generator().manual_seed(0))
    assert not y[..., :2].any()
    assert float(y[..., 2:].std()) == pytest.approx(0.3, rel=0.05)
    assert upsampled(y, (4, 4)) is y


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("denoise:3", "denoise has no options of its own"),
        ("super-resolution:two", "super-resolution.factor=two is not valid"),
        ("super-resolutoin:2", "super-resolution"),
    ],
)
def test_a_mistake_in_the_problem_is_one_sentence(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parsed_problem(text)


def test_the_measurement_is_concatenated_to_the_input() -> None:
    """SR3: with the weights of the measurement at 0 the network is the one without it."""
    torch.manual_seed(0)
    plain, conditional = UNet(widths=(16,), heads=1), UNet(widths=(16,), heads=1, measured=1)
    state = plain.state_dict()
    torch.nn.init.normal_(state["head.2.weight"])
    weight = state["stem.1.weight"]
    conditional.load_state_dict(state | {"stem.1.weight": torch.cat([weight, torch.zeros_like(weight)], 1)})
    y, t, measured = torch.randn(2, 1, 4, 4), torch.rand(2), torch.randn(2, 1, 4, 4)
    torch.testing.assert_close(conditional(y, t, measured=measured), plain(y, t))
