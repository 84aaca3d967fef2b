"""Checkpoints as models: loaded, run beside diffusers' own pipelines, and refused where they must be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from benchbox_diffusers.options import table
from benchbox_diffusers.training import HARMLESS, ONLY, READ
from benchbox_diffusers.traits import ALL
from conftest import fed

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.noise import Noise

LINEAR = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}


def unet(**options: Any) -> Any:
    """A tiny U-Net with random weights."""
    torch.manual_seed(0)
    return diffusers.UNet2DModel(**{
        "sample_size": 8, "block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": 4,
        "down_block_types": ("DownBlock2D", "DownBlock2D"), "up_block_types": ("UpBlock2D", "UpBlock2D"),
    } | options).eval()  # fmt: skip


def saved(folder: Path, scheduler: Any, kind: Any = diffusers.DDPMPipeline, **options: Any) -> Any:
    pipeline = kind(unet=unet(**options), scheduler=scheduler)
    pipeline.save_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def model(folder: Path, **options: Any) -> Any:
    return benchbox.get("model", "diffusers", path=folder, **options)


def frame(sigma: float) -> tuple[float, float]:
    s = (1 + sigma**2) ** -0.5
    return s, s * sigma


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
def test_what_the_network_puts_out(tmp_path: Path, prediction: str) -> None:
    """D(x, σ_k) against diffusers' own reading of the same output: the x_0 that its DDIM step reports."""
    peer = diffusers.DDIMScheduler(**LINEAR, prediction_type=prediction, clip_sample=False)
    net = saved(tmp_path, peer).unet
    found, k = model(tmp_path), 400
    assert found.prediction == {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}[prediction]
    assert (found.schedule.name, found.schedule.steps, found.grid) == ("ddpm", 1000, "leading")
    sigma = float(found.schedule.sigma((k + 1) / 1000))
    s, _ = frame(sigma)
    y = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    peer.set_timesteps(10)
    with torch.inference_mode():
        expected = peer.step(net(y, k).sample, k, y).pred_original_sample
        got = Denoiser(found, torch.device("cpu"))(y / s, sigma)
    assert float((got - expected).abs().max() / expected.abs().max()) < 1e-4


def test_the_images_of_a_ddpm_pipeline(tmp_path: Path) -> None:
    """Its own loop on our noise; it clips x_0, and so do we where we are asked to."""
    pipeline = saved(tmp_path, diffusers.DDPMScheduler(**LINEAR))
    draws = Noise(0, 0, 4, (3, 8, 8))
    draw = lambda: draws(0.0, 0.0)  # noqa: E731
    with fed("pipelines.ddpm.pipeline_ddpm", draw), fed("schedulers.scheduling_ddpm", draw):
        theirs = pipeline(batch_size=4, num_inference_steps=10, output_type="np").images
    ours = benchbox.sample("diffusers:DDPMScheduler", f"diffusers:{tmp_path}", nfe=10, n=4, clip_sample=True)
    images = (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    assert images.std() > 0.05
    np.testing.assert_allclose(images, theirs, atol=1e-4)


def test_the_images_of_a_score_sde_pipeline(tmp_path: Path) -> None:
    """NCSN++'s own form: the score, divided by σ inside the U-Net, which is asked at σ."""
    # the network's σ lags behind that of the steps by sampling_eps ln(σ_max/σ_min): 3e-5 here
    scheduler = diffusers.ScoreSdeVeScheduler(sigma_min=0.05, sigma_max=1.0)
    pipeline = saved(tmp_path, scheduler, diffusers.ScoreSdeVePipeline, time_embedding_type="fourier")
    found = model(tmp_path)
    assert (found.prediction, found.schedule.name, found.data_range) == ("score", "ve", (0.0, 1.0))
    draws = Noise(0, 0, 1, (3, 8, 8))
    draw = lambda: draws(0.0, 0.0)  # noqa: E731
    with (
        fed("pipelines.deprecated.score_sde_ve.pipeline_score_sde_ve", draw),
        fed("schedulers.scheduling_sde_ve", draw),
    ):
        theirs = pipeline(num_inference_steps=8, output_type="np").images
    # 8 levels: 8 corrections, 7 predictions, the last denoise
    ours = benchbox.sample("diffusers:ScoreSdeVeScheduler", f"diffusers:{tmp_path}", nfe=16, n=1)
    images = ours.clamp(0, 1).permute(0, 2, 3, 1).numpy()
    assert images.std() > 0.05
    np.testing.assert_allclose(images, theirs, atol=5e-4)


@pytest.mark.parametrize("options", [
    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    {"beta_schedule": "squaredcos_cap_v2"},
    {"beta_schedule": "sigmoid"},
    {"beta_schedule": "laplace"},
    {"_class_name": "HeunDiscreteScheduler", "beta_schedule": "exp"},
    {"_class_name": "HeunDiscreteScheduler"},
    {"beta_schedule": "linear", "rescale_betas_zero_snr": True},
    {"trained_betas": [0.01, 0.02, 0.05, 0.1], "num_train_timesteps": 4},
    {"beta_schedule": "linear", "num_train_timesteps": 500},
], ids=str)  # fmt: skip
def test_the_schedule_is_that_of_its_training(tmp_path: Path, options: dict[str, Any]) -> None:
    options = dict(options)
    kind = getattr(diffusers, options.pop("_class_name", "DDPMScheduler"))
    peer = kind(**options)
    saved(tmp_path, peer)
    schedule = model(tmp_path).schedule
    steps = schedule.steps
    n = steps - ("rescale_betas_zero_snr" in options)  # the last ᾱ of that one is 0 there
    abar = np.asarray(schedule.scale(np.arange(1, n + 1) / steps)) ** 2
    np.testing.assert_allclose(abar, peer.alphas_cumprod[:n].double(), rtol=1e-4, atol=1e-7)
    t = np.linspace(schedule.t_min, schedule.t_max, 57)
    np.testing.assert_allclose(schedule.time(schedule.sigma(t)), t, rtol=1e-9)
    h = 1e-7
    middle = t[1:-1] + 0.31 / steps / 57
    slope = (np.asarray(schedule.sigma(middle + h)) - schedule.sigma(middle - h)) / (2 * h)
    np.testing.assert_allclose(schedule.dsigma(middle), slope, rtol=1e-4)


def configured(folder: Path, **values: Any) -> Path:
    """A U-Net with a scheduler's configuration of these keys alone."""
    unet().save_pretrained(folder)
    (folder / "scheduler_config.json").write_text(json.dumps(values))
    return folder


def test_what_a_configuration_leaves_unsaid_is_the_default_of_its_class(tmp_path: Path) -> None:
    euler, heun = (f"{name}DiscreteScheduler" for name in ("Euler", "Heun"))
    first, last = (model(configured(tmp_path / name, _class_name=name)) for name in (euler, heun))
    assert (first.schedule.beta_min, first.schedule.beta_max, first.grid) == (1e-4, 0.02, "uniform")
    assert (last.schedule.beta_min, last.schedule.beta_max) == (0.00085, 0.012)
    assert model(configured(tmp_path / "none", _class_name=euler, trained_betas=None)).schedule == first.schedule


class TestConfiguration:
    """Each key of each scheduler is read, harmless, or refused by name."""

    @pytest.mark.parametrize("name", [n for n, entry in table().items() if "beta_start" in entry["training"]])
    def test_every_key_is_judged_once_and_the_defaults_are_read(self, tmp_path: Path, name: str) -> None:
        if ALL[name].missing:
            pytest.skip(f"{name} needs {ALL[name].needs}, which is not installed")
        config = dict(getattr(diffusers, name)().config)
        keys = {key for key in config if not key.startswith("_")}
        assert keys <= READ | HARMLESS | ONLY.keys()
        assert not READ & HARMLESS
        assert not ONLY.keys() & (READ | HARMLESS)
        folder = configured(tmp_path, **config)
        if name == "CogVideoXDDIMScheduler":
            with pytest.raises(UsageError, match=r"snr_shift_scale=3\.0"):
                model(folder)
        else:
            assert model(folder).schedule.steps == 1000

    @pytest.mark.parametrize(("key", "value"), [
        ("timestep_type", "continuous"), ("use_flow_sigmas", True), ("use_dynamic_shifting", True),
        ("snr_shift_scale", 3.0), ("shift_terminal", 0.02), ("predict_epsilon", False), ("made_up", False),
    ])  # fmt: skip
    def test_a_key_that_changes_the_law_and_is_not_implemented_is_refused(
        self, tmp_path: Path, key: str, value: Any
    ) -> None:
        folder = configured(tmp_path, **LINEAR, _class_name="EulerDiscreteScheduler", **{key: value})
        with pytest.raises(UsageError, match=f"has {key}={value!r} in its scheduler's configuration, which benchbox"):
            model(folder)
        assert model(folder, prediction="eps", schedule="ddpm").schedule.name == "ddpm"

    def test_values_that_are_not_known_are_refused(self, tmp_path: Path) -> None:
        cases = {
            "beta_schedule=cubic is not valid": {"beta_schedule": "cubic"},
            "has a FlowMatchEulerDiscreteScheduler, whose noise schedule is not supported": {
                "_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0,
            },
            "has a TCDScheduler, so its network is distilled and jumps to the data": {"_class_name": "TCDScheduler"},
            "all above 0 and below 1": {"beta_start": 0.0},
        }  # fmt: skip
        for i, (sentence, config) in enumerate(cases.items()):
            with pytest.raises(UsageError, match=sentence):
                model(configured(tmp_path / str(i), **config))


def test_a_unet_alone_needs_to_be_told(tmp_path: Path) -> None:
    unet().save_pretrained(tmp_path)
    with pytest.raises(
        UsageError, match="has no scheduler: state the training, as in --set prediction=eps schedule=ddpm"
    ):
        model(tmp_path)
    found = model(tmp_path, prediction="eps", schedule="ddpm")
    assert (found.prediction, found.shape, found.dataset) == ("eps", (3, 8, 8), tmp_path.name)
    with pytest.raises(UsageError, match="needs a discrete schedule, and vp is continuous"):
        model(tmp_path, prediction="eps", schedule="vp")


def test_the_digest_is_that_of_the_weights(tmp_path: Path) -> None:
    saved(tmp_path, diffusers.DDPMScheduler())
    file = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    assert model(tmp_path).sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_pickle_must_be_trusted(tmp_path: Path) -> None:
    net = unet()
    net.save_pretrained(tmp_path, safe_serialization=False)
    options = {"prediction": "eps", "schedule": "ddpm"}
    with pytest.raises(UsageError, match="is a pickle, which can run any code: --set trust_pickle=true"):
        model(tmp_path, **options)
    y, found = torch.randn(2, 3, 8, 8), model(tmp_path, **options, trust_pickle=True)
    t = torch.full((2,), 7)
    with torch.inference_mode():
        assert torch.allclose(found.network("cpu")(y, t), net(y, 7).sample, atol=1e-5)


def test_what_is_not_read(tmp_path: Path) -> None:
    def edited(folder: Path, file: str, **values: Any) -> Path:
        saved(folder, diffusers.DDPMScheduler())
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
        return folder

    cases = {
        "lacks a part: vqvae/config.json": ("model_index.json", {"_class_name": "LDMPipeline"}),
        "holds a KandinskyPipeline, which is not supported: DDIMPipeline,": (
            "model_index.json", {"_class_name": "KandinskyPipeline"},
        ),
        "and a consistency model has a CMStochasticIterativeScheduler": (
            "model_index.json", {"_class_name": "ConsistencyModelPipeline"},
        ),
        "holds a UNet2DConditionModel: only": ("unet/config.json", {"_class_name": "UNet2DConditionModel"}),
        "has class_embed_type='timestep'": ("unet/config.json", {"class_embed_type": "timestep"}),
        "predicts 'flow_prediction'": ("scheduler/scheduler_config.json", {"prediction_type": "flow_prediction"}),
        "has no sample_size": ("unet/config.json", {"sample_size": None}),
    }  # fmt: skip
    for i, (sentence, (file, values)) in enumerate(cases.items()):
        with pytest.raises(UsageError, match=sentence):
            model(edited(tmp_path / str(i), file, **values))
    with pytest.raises(UsageError, match="is not a checkpoint of diffusers"):
        model(tmp_path)
    with pytest.raises(UsageError, match=r"there is no folder .*; --set hub=true"):
        model(tmp_path / "nothing")


def test_a_folder_given_as_a_model_is_answered_with_what_to_write(tmp_path: Path) -> None:
    saved(tmp_path, diffusers.DDPMScheduler())
    for folder in (tmp_path, tmp_path / "unet"):
        with pytest.raises(UsageError, match=f"there is no model '{folder}': write diffusers:{folder}\\."):
            benchbox.sample("ddim", str(folder), nfe=2, n=1)
    with pytest.raises(UsageError, match="unknown model"):
        benchbox.sample("ddim", str(tmp_path / "scheduler"), nfe=2, n=1)


def test_the_hub_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        UsageError, match=r"somebody/nothing cannot be fetched from the hub .*: copy its folder to this machine"
    ):
        model(Path("somebody/nothing"), hub=True)
