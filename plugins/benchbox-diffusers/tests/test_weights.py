"""Weights of every layout that diffusers writes are loaded, whole and alone, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import benchbox
from benchbox.errors import UsageError

FILE = "diffusion_pytorch_model.safetensors"
TOLD = {"prediction": "eps", "schedule": "ddpm"}


def unet() -> Any:
    """A tiny U-Net with attention, whose tensors diffusers once named otherwise."""
    torch.manual_seed(0)
    return diffusers.UNet2DModel(
        sample_size=8, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4, attention_head_dim=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    ).eval()  # fmt: skip


@pytest.fixture(scope="module")
def net() -> Any:
    return unet()


def model(folder: Path, **options: Any) -> Any:
    return benchbox.get("model", "diffusers", path=folder, **TOLD | options)


@torch.inference_mode()
def output(call: Callable[..., Any]) -> Tensor:
    y = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    out = call(y, torch.full((2,), 7))
    return out if isinstance(out, Tensor) else out.sample


def edited(net: Any, folder: Path, edit: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Path:
    """The network's folder with other tensors in its file."""
    net.save_pretrained(folder)
    save_file(edit(load_file(folder / FILE)), folder / FILE, metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(("how", "options"), [
    ({}, {}),
    ({"max_shard_size": "20KB"}, {}),
    ({"safe_serialization": False}, {"trust_pickle": True}),
    ({"safe_serialization": False, "max_shard_size": "20KB"}, {"trust_pickle": True}),
    ({"variant": "fp16"}, {}),
    ({"variant": "fp16"}, {"variant": "fp16"}),
    ({"variant": "fp16", "max_shard_size": "20KB"}, {}),
], ids=str)  # fmt: skip
def test_every_layout_gives_the_same_network(
    net: Any, tmp_path: Path, how: dict[str, Any], options: dict[str, Any]
) -> None:
    half = "variant" in how
    (unet().half() if half else net).save_pretrained(tmp_path, **how)
    found = model(tmp_path, **options)
    call = found.network("cpu")
    assert {p.dtype for p in call.parameters()} == {torch.float32}
    assert torch.allclose(output(call), output(net), atol=5e-3 if half else 1e-6)
    assert len(found.sha256) == 64
    assert ("max_shard_size" in how) == bool(found.weights.shards)


def test_the_digest_changes_with_any_shard(net: Any, tmp_path: Path) -> None:
    net.save_pretrained(tmp_path, max_shard_size="20KB")
    before, *_, last = model(tmp_path).sha256, *sorted(tmp_path.glob("*-of-*.safetensors"))
    save_file({n: t + 1 for n, t in load_file(last).items()}, last, metadata={"format": "pt"})
    assert model(tmp_path).sha256 != before


def test_which_variant_is_meant(net: Any, tmp_path: Path) -> None:
    for name in ("ema", "fp16"):
        net.save_pretrained(tmp_path, variant=name)
    with pytest.raises(UsageError, match="has weights of the variants ema, fp16: choose one with --set variant=…"):
        model(tmp_path)
    assert model(tmp_path, variant="ema").weights.variant == "ema"
    net.save_pretrained(tmp_path)
    assert model(tmp_path).weights.variant is None
    with pytest.raises(UsageError, match="has no weights of variant bf16: it has ema, fp16"):
        model(tmp_path, variant="bf16")


def test_the_names_of_older_versions_are_read(net: Any, tmp_path: Path) -> None:
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        for new, before in old.items():
            tensors = {name.replace(new, before): tensor for name, tensor in tensors.items()}
        return tensors

    folder = edited(net, tmp_path, renamed)
    assert any("query" in name for name in load_file(folder / FILE))
    assert torch.allclose(output(model(folder).network("cpu")), output(net), atol=1e-6)


@pytest.mark.parametrize(("edit", "sentence"), [
    (lambda t: {n: v for n, v in t.items() if n != "conv_in.weight"}, r"\(missing: conv_in.weight\)"),
    (lambda t: t | {"extra": torch.zeros(2)}, r"\(unexpected: extra\)"),
    (lambda t: t | {"conv_in.weight": torch.zeros(2)}, r"\(of another shape: conv_in.weight\)"),
    (lambda t: {}, r"\(missing: conv_in.bias, conv_in.weight, .* and [0-9]+ more\)"),
], ids=["missing", "unexpected", "shape", "empty"])  # fmt: skip
def test_other_tensors_than_the_networks_are_refused(
    net: Any, tmp_path: Path, edit: Callable[[dict[str, Tensor]], dict[str, Tensor]], sentence: str
) -> None:
    with pytest.raises(UsageError, match=f"cannot be loaded: they belong to another network .*{sentence}"):
        model(edited(net, tmp_path, edit)).network("cpu")


def test_shards_must_be_there_and_hold_what_the_index_says(net: Any, tmp_path: Path) -> None:
    net.save_pretrained(tmp_path, max_shard_size="20KB")
    shard = min(tmp_path.glob("*-of-*.safetensors"))
    tensors = load_file(shard)
    name = min(tensors)
    del tensors[name]
    save_file(tensors, shard, metadata={"format": "pt"})
    with pytest.raises(UsageError, match=f"missing: {name}"):
        model(tmp_path).network("cpu")
    shard.unlink()
    with pytest.raises(UsageError, match=f"names the shard {shard.name}, which is not in"):
        model(tmp_path)


@pytest.mark.parametrize("text", ["{}", "[]", "nothing", '{"weight_map": {"a": "../b"}}', '{"weight_map": {"a": 1}}'])
def test_what_is_no_index_is_refused(net: Any, tmp_path: Path, text: str) -> None:
    net.save_pretrained(tmp_path, max_shard_size="20KB")
    (tmp_path / f"{FILE}.index.json").write_text(text)
    with pytest.raises(UsageError, match=r"index\.json"):
        model(tmp_path)


def test_a_configuration_of_another_network_is_refused(net: Any, tmp_path: Path) -> None:
    net.save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"block_out_channels": [8, 16]}))
    with pytest.raises(UsageError, match="of another shape: "):
        model(tmp_path).network("cpu")
