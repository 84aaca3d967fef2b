"""The command of a row is one that works as typed: what it asks for is that very row."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from conftest import Command
from report_rows import nothing_usual, rows

import benchbox as package
from benchbox.registry import registry
from benchbox.report.command import run_command
from benchbox.report.page.table import with_commands
from benchbox.report.ranking import boards

CODE = """
def network(y, t):
    return y / (1 + t[:, None] ** 2)
"""
FOREIGN = ["--set", "prediction=x0", "--set", "time=sigma", "--set", "shape=3"]


@pytest.fixture
def models(tmp_path: Path) -> None:
    """In the current folder of `benchbox`, a model of each kind that a file makes."""
    import torch

    (tmp_path / "code_for_commands.py").write_text(CODE)
    weights = Path(package.__file__).parent / "models" / "weights"
    card = json.loads((weights / "mnist-edm.json").read_text()) | {"name": "mine", "metrics": ["sw2"]}
    (tmp_path / "my models").mkdir()
    (tmp_path / "my models" / "it's.json").write_text(json.dumps(card))
    (tmp_path / "my models" / card["weights"]).symlink_to(weights / card["weights"])
    network = torch.jit.trace(lambda x, t: x / (1 + t[:, None] ** 2), (torch.ones(2, 3), torch.ones(2)))
    with pytest.warns(FutureWarning):
        torch.jit.save(network, str(tmp_path / "a net.pt"))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "asked",
    [
        ["mixture", "--sampler", "pc", "--set", "predictor=heun", "--set", "snr=0.2", "--set", "stds=1:2:1:0.5"],
        ["mixture", "--sampler", "ode", "--set", "rtol=0.01", "--grid", "uniform", "--set", "sigma_max=40"],
        ["mixture", "--sampler", "euler-maruyama", "--set", "frame=vp", "--set", "vp.beta_max=10", "--seed", "3"],
        ["mixture", "--sampler", "ddim", "--metric", "sw2,mmd", "--set", "sw2.projections=32", "--batch-size", "7"],
        ["mixture", "--sampler", "ddim", "--noise-block", "8", "--nfe-policy", "skip", "--dtype", "float64"],
        ["torchscript:a net.pt", "--sampler", "ddim", "--metric", "ode_error", *FOREIGN],
        ["py:code_for_commands:network", "--sampler", "ddim", "--final", "none", "--metric", "ode_error", *FOREIGN],
        ["my models/it's.json", "--sampler", "ddim", "--metric", "fid", "--schedule", "vp"],
    ],
    ids=["predictor", "grid", "frame", "metrics", "noise", "torchscript", "python", "card"],
)
def test_a_row_and_a_board_give_the_command_that_measures_them(
    benchbox: Command, models: None, asked: list[str]
) -> None:
    ran = benchbox("run", "--nfe", 5, "--samples", 16, "--model", *asked)
    assert ran.status == 0, ran.err
    measured, usual = package.load_results("results"), registry().defaults
    commands = list(with_commands(measured, usual)["reproduce"])
    commands += [run_command(b, e.setup, e.seeds, usual, e.row) for b in boards(measured) for e in b.entries]
    assert len(commands) > 1
    for command in commands:
        program, *words = shlex.split(command)
        again = benchbox(*words)
        assert program == "benchbox"
        assert "nothing to do: 1 cell measured" in again.out, (command, again.out, again.err)


def test_a_model_of_a_plugin_that_is_not_here_is_named_as_its_row_was_measured() -> None:
    """Its title may be what the file says; of a sweep over several models, the title is all there is."""
    line = {"model": "EDM2 of ImageNet", "model_options": '{"file": "a b.pkl", "trust_pickle": true}'}
    for command, said in (
        (
            "benchbox run --model 'nvidia-edm:a b.pkl'",
            "--model 'nvidia-edm:a b.pkl' --set nvidia-edm.trust_pickle=True",
        ),
        ("benchbox run --model=nvidia-edm:x,y", "--model 'EDM2 of ImageNet' --set"),
        ("'", "--model 'EDM2 of ImageNet' --set"),
    ):
        (found,) = with_commands(rows(line | {"command": command}), nothing_usual)["reproduce"]
        assert said in found


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("benchbox run --sampler theirs --nfe 10", "--model net"),
        ("benchbox run --sampler theirs --nfe 10 --set gain=2", "--model net --set theirs.gain=2"),
        ("benchbox run --sampler theirs --nfe 10 --set=theirs.gain=2", "--model net --set theirs.gain=2"),
        ("", "--model net --schedule edm --grid karras --metric fid --set theirs.gain=2 --set karras.rho=7.0"),
        ("benchbox run --config a.toml --metric fid", "--model net --schedule edm --grid karras --metric fid --set"),
        ("benchbox run --sampler theirs --metric fid", "--model net --metric fid"),
        ("benchbox run --sampler theirs --grid karras", "--model net --schedule edm --grid karras"),
    ],
)
def test_of_a_plugin_that_is_not_here_what_its_row_did_not_ask_for_was_a_default(command: str, said: str) -> None:
    line = {"sampler": "theirs", "sampler_options": '{"gain": 2}', "command": command}
    (found,) = with_commands(rows(line), nothing_usual)["reproduce"]
    assert f"{found} ".startswith(f"benchbox run --sampler theirs --nfe 10 {said} ")
