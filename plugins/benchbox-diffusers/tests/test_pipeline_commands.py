"""The commands for one's own pipeline: check, run, recommend; and the options for memory."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pipelines
import pytest
import torch
from benchbox_diffusers import networks
from benchbox_diffusers.decoders import decoder
from typer.testing import CliRunner

import benchbox
from benchbox.cli.main import app
from benchbox.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A pipeline in the current folder; the words that every command has."""
    monkeypatch.chdir(tmp_path)
    pipelines.kept(pipelines.saved(pipelines.stable_diffusion(), tmp_path / "TINY"), prompts=3)
    Path("p.txt").write_text(Path("TINY/prompts.txt").read_text())
    return ["--model", "diffusers:TINY", "--set", "prompts=p.txt", "--set", "embeddings=TINY/kept.safetensors"]


def command(*words: str) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def test_check_compares_a_folder_with_its_own_pipeline(folder: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    done = command("check", *folder)
    assert done.exit_code == 0, done.output
    assert done.output.count("pass") >= 8
    assert "ddim beside StableDiffusionPipeline with DDIMScheduler, scale 7.5: latents at 10 steps" in done.output
    assert "largest difference" in done.output
    monkeypatch.setattr(networks, "first_channels", lambda out, channels: 1.01 * out)
    done = command("check", *folder)
    assert done.exit_code == 1
    assert "FAIL" in done.output


def test_a_board_with_intervals_and_a_recommendation(folder: list[str]) -> None:
    done = command(
        "run", *folder, "--guidance", "cfg", "--set", "scale=5", "--sampler", "diffusers:DDIMScheduler,ddim", "--nfe",
        "6,12", "--metric", "teacher_error", "--set", "teacher_error.nfe=15", "--samples", "9", "--device", "cpu",
        "--save-samples", "shards",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = benchbox.load_results("results")
    assert (rows["nfe"] == rows["nfe_requested"]).all()
    assert (rows["denoiser_calls"] == rows["nfe"] / 2).all()
    assert (rows["teacher_error_low"] < rows["teacher_error"]).all()
    assert rows["decode_s"].min() > 0
    arrays = [np.load(file) for file in Path("shards").rglob("*.npz")]
    shapes = {array[key].shape[1:] for array in arrays for key in array.files if array[key].ndim == 4}
    assert shapes in ({(3, 16, 16)}, {(16, 16, 3)}), "pictures, not latents"
    board = command("leaderboard", "results")
    assert "teacher_error (nfe=15) of 9 samples" in " ".join(board.output.split())
    words = ["recommend", "results", "--model", "diffusers:TINY", "--metric", "teacher_error", "--target"]
    found = command(*words, "1000")
    assert found.exit_code == 0, found.output
    assert "with 6 evaluations: teacher_error" in found.output
    assert "--set diffusers.prompts=p.txt" in found.output
    none = command(*words, "0.000001")
    assert none.exit_code == 1
    assert "--guidance cfg --set cfg.scale=5.0 --metric teacher_error" in none.output


def test_memory_options_change_nothing_but_rounding(folder: list[str]) -> None:
    options = {"prompts": "p.txt", "embeddings": "TINY/kept.safetensors"}

    def sample(**more: Any) -> torch.Tensor:
        return benchbox.sample("ddim", "diffusers:TINY", nfe=3, n=3, guidance="cfg", scale=3.0, **options, **more)

    plain = sample()
    assert torch.allclose(sample(vae_slicing=True), plain, atol=1e-6)
    assert sample(vae_tiling=True).shape == plain.shape
    if find_spec("accelerate"):
        assert torch.allclose(sample(offload=True), plain, atol=1e-6)
    else:
        with pytest.raises(UsageError, match="needs the package accelerate"):
            sample(offload=True)
    half = sample(weights_dtype="bfloat16")
    assert half.dtype == torch.float32
    assert 0 < float((half - plain).abs().max()) < 0.1
    model = benchbox.get("model", "diffusers", path="TINY", weights_dtype="bfloat16", **options)
    assert {p.dtype for p in model.network("cpu").network.parameters()} == {torch.bfloat16}
    vae = decoder(model.checkpoint.vae_folder, None, False, "bfloat16", True, True, "cpu")
    assert (vae.use_slicing, vae.use_tiling, vae.dtype) == (True, True, torch.bfloat16)
