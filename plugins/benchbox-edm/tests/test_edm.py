"""Pickles on trust, their conversion, and the model that both become."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import embedded
import numpy as np
import pytest
import torch
from benchbox_edm import convert, nets
from benchbox_edm.model import NvidiaEDM
from pickling import write
from safetensors.torch import load_file, save_file

import benchbox
from benchbox.card import Card, sha256
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.registry import registry

UNET = {
    "img_resolution": 8, "img_channels": 3, "label_dim": 4, "model_type": "SongUNet", "model_channels": 16,
    "channel_mult": [1, 2], "num_blocks": 1, "attn_resolutions": [4], "augment_dim": 9, "dropout": np.float64(0.1),
}  # fmt: skip


def tiny(path: Path, beside: dict[str, Any] | None = None, **options: Any) -> Path:
    """A pickle of D(x, σ) for N(label, 4)."""
    given = {"img_resolution": 2, "img_channels": 1, **options}
    write(path, embedded.TINY, lambda module: module.EDMPrecond(**given), **(beside or {}))
    return path


def unet(path: Path, gain: float = 1.0, source: str = embedded.PRECOND) -> Path:
    """A pickle of a small SongUNet whose last layer is not close to zero."""

    def make(module: Any) -> Any:
        torch.manual_seed(0)
        net = module.EDMPrecond(**UNET).eval().requires_grad_(False)
        net.gain = gain
        return net

    write(path, source, make)
    return path


def model(file: Path, **options: Any) -> Any:
    return benchbox.get("model", "nvidia-edm", file=str(file), **options)


def samples(file: Path, **options: Any) -> torch.Tensor:
    return benchbox.sample("heun", model=f"nvidia-edm:{file}", nfe=9, n=4, **options)


def test_the_plugin_is_listed_by_its_entry_point() -> None:
    offer = registry().find("model", "nvidia-edm")
    assert (offer.cls, offer.package) == (NvidiaEDM, "benchbox-edm")


def test_a_pickle_given_as_a_model_is_answered_with_how_to_convert_it() -> None:
    with pytest.raises(
        UsageError, match=r"write models/net.json after `benchbox-edm-convert net.pkl -o models --trust"
    ):
        benchbox.sample("heun", "net.pkl", nfe=9, n=1)


def test_a_pickle_is_refused_until_it_is_trusted(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.pkl"
    write(bomb, f"open({str(tmp_path / 'exploded')!r}, 'w')\n" + embedded.TINY, lambda m: m.EDMPrecond(2, 1))
    (tmp_path / "exploded").unlink()
    with pytest.raises(UsageError, match=r"runs the code in it: .* --set trust_pickle=true"):
        model(bomb)
    with pytest.raises(SystemExit):
        convert.main([str(bomb), "-o", str(tmp_path)])
    assert not (tmp_path / "exploded").exists()
    assert model(bomb, trust_pickle=True).shape == (1, 2, 2)
    assert (tmp_path / "exploded").exists()


def test_a_pickled_network_samples_its_law(tmp_path: Path) -> None:
    file = tiny(tmp_path / "tiny.pkl", {"dataset_kwargs": {"path": "datasets/toys-2x2.zip"}})
    before = set(sys.modules)
    found = samples(file, trust_pickle=True)
    gaussian = {"mean": 0.0, "eigenvalues": (4.0,) * 4, "sample_shape": (1, 2, 2)}
    expected = benchbox.sample("heun", model="gaussian", nfe=9, n=4, schedule="edm", grid="karras", **gaussian)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert not {"torch_utils", "dnnlib"} & (set(sys.modules) - before)
    made = model(file, trust_pickle=True)
    assert (made.title, made.dataset, made.data_range) == ("nvidia-edm:tiny", "toys-2x2", (-1.0, 1.0))


def test_classes_are_made_in_turn_and_the_range_is_the_networks(tmp_path: Path) -> None:
    file = tiny(tmp_path / "tiny.pkl", label_dim=3, variance=1e-6, sigma_min=0.02, sigma_max=50)
    made = model(file, trust_pickle=True)
    assert (made.schedule.sigma_min, made.schedule.sigma_max) == (0.02, 50.0)
    assert torch.allclose(samples(file, trust_pickle=True)[:, 0, 0, 0], torch.tensor([0.0, 1.0, 2.0, 0.0]), atol=0.01)


def test_latents_have_no_range(tmp_path: Path) -> None:
    assert model(tiny(tmp_path / "latent.pkl", img_channels=4), trust_pickle=True).data_range is None


def test_a_pickle_computes_in_float32_only(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="float32 only"):
        samples(tiny(tmp_path / "tiny.pkl"), trust_pickle=True, dtype="float64")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no file"),
        (b"hello", "cannot be loaded as a pickle of EDM"),
        (b"\x80\x04}.", "has no network 'ema'"),
    ],
)
def test_another_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "file.pkl"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=says):
        model(file, trust_pickle=True)


def test_a_format_that_is_not_known_is_refused(tmp_path: Path) -> None:
    file = tiny(tmp_path / "tiny.pkl")
    data = file.read_bytes()
    assert b"version\x94K\x06" in data
    file.write_bytes(data.replace(b"version\x94K\x06", b"version\x94K\x05"))
    with pytest.raises(UsageError, match="persistent object of type 'class', version 5"):
        model(file, trust_pickle=True)


def test_a_source_that_needs_what_is_not_installed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "not_installed_anywhere", ModuleType("not_installed_anywhere"))
        source = "import not_installed_anywhere\n" + embedded.TINY
        write(tmp_path / "needy.pkl", source, lambda module: module.EDMPrecond(2, 1))
    with pytest.raises(UsageError, match="No module named 'not_installed_anywhere'"):
        model(tmp_path / "needy.pkl", trust_pickle=True)


def test_another_sha_256_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="where 00 was expected"):
        model(tiny(tmp_path / "tiny.pkl"), trust_pickle=True, expect_sha256="00")


def test_a_conversion_gives_the_same_samples_and_needs_no_trust(tmp_path: Path, capsys: Any) -> None:
    file = unet(tmp_path / "small.pkl")
    convert.main([str(file), "-o", str(tmp_path / "out"), "--trust-pickle", "--licence", "CC0"])
    card = tmp_path / "out" / "small.json"
    assert f"wrote {card}" in capsys.readouterr().out
    values = json.loads(card.read_text())
    assert values["training"]["difference"] < 1e-6
    assert (values["plugin"], values["licence"], values["architecture"]["dropout"]) == ("nvidia-edm", "CC0", 0.1)
    theirs, ours = samples(file, trust_pickle=True), benchbox.sample("heun", model=str(card), nfe=9, n=4)
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert (ours[0] - ours[1]).abs().max() > 0.1
    double = benchbox.sample("heun", model=str(card), nfe=9, n=4, dtype="float64")
    assert torch.allclose(double.float(), ours, rtol=1e-3, atol=1e-4)
    made = model(card)
    assert (made.title, made.sha256) == ("small", values["sha256"])


def test_converted_weights_that_lack_a_tensor_are_refused_by_name(tmp_path: Path) -> None:
    card, _ = convert.convert(unet(tmp_path / "small.pkl"), tmp_path, "small", None, "CC0")
    weights = tmp_path / "small.safetensors"
    name, *others = sorted(tensors := load_file(weights))
    save_file({other: tensors[other] for other in others}, weights)
    card.write_text(json.dumps(json.loads(card.read_text()) | {"sha256": sha256(weights)}))
    with pytest.raises(
        UsageError, match=f"the weights of small cannot be loaded: they belong to another network .*missing: {name}"
    ):
        model(card).network("cpu")


def converted(capsys: Any, *arguments: object) -> str:
    """The sentence of a conversion that is refused."""
    with pytest.raises(SystemExit) as end:
        convert.main([str(a) for a in arguments])
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return str(line)


def test_a_network_that_is_not_nvidias_is_not_converted(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    strange = tiny(tmp_path / "strange.pkl", variance=4.0)
    assert "does not state the options" in converted(capsys, tiny_positional(tmp_path), "-o", out, "--trust-pickle")
    assert "an unknown option" in converted(capsys, strange, "-o", out, "--trust-pickle")
    other = unet(tmp_path / "other.pkl", gain=1.01)
    assert "differs from the pickled one by" in converted(capsys, other, "-o", out, "--trust-pickle")
    assert "where 00 was expected" in converted(capsys, other, "-o", out, "--trust-pickle", "--sha256", "00")
    assert "there is no file" in converted(capsys, tmp_path / "none.pkl", "-o", out, "--trust-pickle")
    assert not out.exists()


def tiny_positional(folder: Path) -> Path:
    write(folder / "positional.pkl", embedded.TINY, lambda module: module.EDMPrecond(2, 1))
    return folder / "positional.pkl"


def test_a_converted_iddpm_network_gives_its_learned_variance(tmp_path: Path) -> None:
    architecture = {
        "precond": "iDDPMPrecond", "model_type": "DhariwalUNet", "img_resolution": 8, "img_channels": 3, "label_dim": 0,
        "model_channels": 32, "channel_mult": [1], "num_blocks": 1, "attn_resolutions": [],
    }  # fmt: skip
    torch.manual_seed(0)
    net = nets.make(architecture)
    torch.nn.init.normal_(net.net.out_conv.weight, std=0.1)
    save_file({n: p.contiguous() for n, p in net.net.state_dict().items()}, tmp_path / "i.safetensors")
    Card(
        name="i", dataset="d", licence="CC0", shape=[3, 8, 8], data_range=[-1.0, 1.0], architecture=architecture,
        prediction="x0", schedule={"name": "edm", "sigma_min": 0.01, "sigma_max": 80.0}, sigma_data=0.5,
        continuous=True, weights="i.safetensors", sha256=sha256(tmp_path / "i.safetensors"), plugin="nvidia-edm",
    ).write(tmp_path / "i.json")  # fmt: skip
    made = model(tmp_path / "i.json")
    assert made.learned_variance
    denoise, x = Denoiser(made, torch.device("cpu")), torch.randn(2, 3, 8, 8)
    denoised, v = denoise.with_variance(x, 1.5)
    level = torch.full((2,), 1.5)
    assert torch.allclose(denoised, net(x, level), atol=1e-5)
    raw = net.net((1 + 1.5**2) ** -0.5 * x, net.precond(level)[3], None)[:, 3:]
    assert torch.allclose(v, (raw + 1) / 2, atol=1e-5)
    assert v.std() > 0.01
    card = str(tmp_path / "i.json")
    states = [benchbox.sample("ancestral", model=card, nfe=5, n=2, variance=kind) for kind in ("learned", "small")]
    assert torch.isfinite(states[0]).all()
    assert not torch.equal(*states)
