"""Every family of pipelines beside its own loop, step by step; and what fails when a property of it is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import pipelines
import pytest
import torch
from benchbox_diffusers import checkpoints, decoders, networks
from benchbox_diffusers.gate import Difference, differences
from benchbox_diffusers.reference import run_pipeline

import benchbox
from benchbox import Levels
from benchbox.denoiser import Denoiser
from benchbox.driver import default_grid
from benchbox.errors import UsageError
from benchbox.noise import Noise
from benchbox.registry import registry

FAMILIES_WITH_SCALE: list[tuple[str, float | None]] = [
    ("ldm", None), ("dit", 4.0), ("stable_diffusion", 7.5), ("stable_diffusion_2", 7.5), ("stable_diffusion_xl", 5.0),
    ("stable_diffusion_3", 7.0), ("stable_diffusion_3_dynamic", 7.0), ("flux", None), ("flux", 4.0),
    ("flux_schnell", None), ("pixart_sigma", 4.5), ("sana", 4.5), ("sana_dpm", 4.5), ("lumina2", 4.0),
    ("latent_consistency", None), ("consistency", None), ("sana_sprint", None),
]  # fmt: skip


def model(name: str, folder: Path, negative: bool = False, **options: Any) -> Any:
    pipelines.saved(getattr(pipelines, name)(), folder)
    text = pipelines.kept(folder, negative=negative) if checkpoints.read(folder).family.text else {}
    return benchbox.get("model", "diffusers", path=folder, **text, **options)


def gate(tested: Any, scale: float | None, steps: int = 4) -> list[Difference]:
    return list(differences(tested, scale, steps))


@pytest.mark.parametrize(("name", "scale"), FAMILIES_WITH_SCALE)
def test_a_run_equals_the_pipelines_own_loop_at_every_step(name: str, scale: float | None, tmp_path: Path) -> None:
    found = gate(model(name, tmp_path, negative=name == "flux" and scale is not None), scale)
    two = name not in ("pixart_sigma", "sana_dpm") or registry().matches("sampler", "dpm-solver++2m")
    own = two and name != "consistency"
    assert len(found) == (2 if own else 1), "diffusers' scheduler, and benchbox's own sampler where it is installed"
    for difference in found:
        assert difference.latents < 1e-4, difference
        assert difference.grey <= 1, difference


def leave_out(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    """Give networks these values in place of those of their family and folder."""
    init = networks.Network.__init__

    def changed(self: networks.Network, *arguments: Any, **options: Any) -> None:
        init(self, *arguments, **options)
        for name, value in values.items():
            if hasattr(self.family, name) and name != "time":
                self.family = replace(self.family, **{name: value})
            setattr(self, name, value)

    monkeypatch.setattr(networks.Network, "__init__", changed)


@pytest.mark.parametrize(("name", "values"), [
    ("lumina2", {"sign": 1}), ("lumina2", {"time": "unit"}), ("stable_diffusion_3", {"time": "unit"}),
    ("flux", {"time": "thousand"}), ("sana_dpm", {"time": "thousand"}), ("flux", {"embedded": 0.0}),
    ("stable_diffusion_xl", {"factor": 1}), ("latent_consistency", {"embedded": 1.5}),
    ("consistency", {"epsilon": 0.0}), ("sana_sprint", {"embedded": 0.0}),
], ids=str)  # fmt: skip
def test_a_negated_velocity_the_networks_time_an_embedded_guidance_and_the_size_matter(
    name: str, values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = model(name, tmp_path)
    leave_out(monkeypatch, **values)
    for difference in gate(tested, None):
        assert not difference.passed
        assert difference.latents > 1e-4


def test_the_prediction_type_matters(tmp_path: Path) -> None:
    (found, _) = gate(model("stable_diffusion_2", tmp_path, prediction="eps"), None)
    assert found.latents > 0.1


def test_packed_latents_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tested = model("flux", tmp_path / "flux")
    monkeypatch.setattr(networks, "unpacked", lambda tokens, height, width: tokens)
    with pytest.raises(UsageError, match="its output has the shape of its input"):
        gate(tested, None)


@pytest.mark.parametrize("name", ["dit", "pixart_sigma"])
def test_a_learned_variance_is_in_the_channels_after_the_prediction(name: str, tmp_path: Path) -> None:
    tested = model(name, tmp_path)
    assert tested.learned_variance
    denoise, x = Denoiser(tested, torch.device("cpu")), torch.randn(2, *tested.shape)
    denoise.at(torch.arange(2))
    sigma = float(tested.schedule.sigma(0.4))
    denoised, v = denoise.with_variance(x, sigma)
    s = float(tested.schedule.scale(0.4))
    t = torch.full((2,), 0.4 * 1000 - 1)
    out = tested.network(torch.device("cpu"))(s * x, t, **tested.conditions(torch.arange(2)))
    eps, raw = out.chunk(2, dim=1)
    torch.testing.assert_close(denoised, x - sigma * eps, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(v, (raw + 1) / 2, rtol=1e-4, atol=1e-4)
    assert v.std() > 1e-4


@pytest.mark.parametrize("name", ["ldm", "stable_diffusion_xl", "stable_diffusion_3", "flux", "sana"])
def test_the_scale_and_the_shift_of_latents_matter(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tested = model(name, tmp_path)
    monkeypatch.setattr(decoders, "unscaled", lambda config, z: z)
    for difference in gate(tested, None):
        assert difference.latents < 1e-4
        assert difference.grey > 1


@pytest.mark.parametrize("name", [
    "stable_diffusion_3", "stable_diffusion_3_dynamic", "flux", "flux_schnell", "sana", "sana_dpm", "lumina2",
])  # fmt: skip
def test_the_default_grid_of_a_flow_is_its_pipelines_levels_and_the_shift_matters(name: str, tmp_path: Path) -> None:
    tested = model(name, tmp_path)
    visited = np.array([sigma for sigma in run_pipeline(tested, 1, None, 6).sigmas if sigma > 0])
    t = np.array([1.0 if np.isinf(sigma) else sigma / (1 + sigma) for sigma in visited])
    np.testing.assert_allclose(times(tested, tested.grid), t, atol=2e-5)
    if tested.grid.shift != 1:
        assert abs(times(tested, replace(tested.grid, shift=1.0)) - t).max() > 1e-2
    assert default_grid(tested, benchbox.get("sampler", "heun")) == tested.grid


def times(tested: Any, grid: Any) -> Any:
    return np.array(Levels.cut(tested.schedule, grid, 6).times)


def test_a_class_conditional_unet_beside_the_loop_written_out(tmp_path: Path) -> None:
    """No pipeline of diffusers asks a UNet2DModel for a class: the loop is its scheduler's."""
    torch.manual_seed(0)
    net = pipelines.randomised(SimpleNamespace(unet=diffusers.UNet2DModel(
        sample_size=8, num_class_embeds=10, **pipelines.BLOCKS, down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
    ))).unet.eval()  # fmt: skip
    net.save_pretrained(tmp_path / "unet")
    scheduler = pipelines.ddim(set_alpha_to_one=True, steps_offset=0)
    scheduler.save_pretrained(tmp_path / "scheduler")
    y = Noise(0, 0, 3, (3, 8, 8))(0.0, 0.0)
    scheduler.set_timesteps(5)
    with torch.inference_mode():
        for t in scheduler.timesteps:
            y = scheduler.step(net(y, t, class_labels=torch.tensor([3, 7, 3])).sample, t, y).prev_sample
    tested = f"diffusers:{tmp_path}"
    for sampler in ("ddim", "diffusers:DDIMScheduler"):
        ours = benchbox.sample(sampler, tested, nfe=5, n=3, grid="leading", label=(3, 7))
        assert float((ours - y).abs().max() / y.abs().max()) < 1e-4
    assert benchbox.get("model", "diffusers", path=tmp_path).classes == 10
    other = benchbox.sample("ddim", tested, nfe=5, n=3, grid="leading", label=(4,))
    assert float((other - y).abs().max() / y.abs().max()) > 1e-2


@pytest.mark.parametrize("name", [
    "ldm", "stable_diffusion_xl", "stable_diffusion_3", "flux", "dit", "pixart_sigma", "sana", "lumina2",
])  # fmt: skip
def test_weights_in_half_precision_change_the_denoiser_by_its_rounding(name: str, tmp_path: Path) -> None:
    """`--dtype bfloat16` converts the weights of a pipeline's network."""
    tested = model(name, tmp_path)
    x, sigma = torch.randn(2, *tested.shape, generator=torch.Generator().manual_seed(0)), 1.0
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        denoise = Denoiser(tested, torch.device("cpu"), dtype)
        denoise.at(torch.arange(2))
        assert {p.dtype for p in denoise.formula.network.parameters()} == {dtype}  # type: ignore[attr-defined]
        with torch.inference_mode():
            found.append(denoise(x, sigma))
    whole, half = found
    assert half.dtype == torch.float32
    assert 0 < float((half - whole).norm() / (x - whole).norm()) < 0.03
