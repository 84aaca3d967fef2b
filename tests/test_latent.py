"""Metrics, references and pictures see what `decode` gives: here 28×28 images of 4×4 latents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Command
from images import blobs, written
from PIL import Image

import benchbox as api
from benchbox.bench.sweep import one_cell
from benchbox.bench.trace import trace
from benchbox.errors import UsageError
from benchbox.inputs.pixels import with_channels
from benchbox.metrics.features import extractor
from benchbox.metrics.mnist_cnn import MnistCNN

SOURCE = '''
import torch
from dataclasses import dataclass
import benchbox
from benchbox import Model


@dataclass(frozen=True)
class Latent(Model):
    """N(0, I) latents of 4×4, decoded to 28×28; its decoder's weights want gradients, as a VAE's do."""

    name = "latent"
    dataset = "blobs"
    shape = (1, 4, 4)
    data_range = (-1.0, 1.0)
    features = "mnist-cnn"
    metrics = ("fid",)

    @property
    def schedule(self):
        return benchbox.get("schedule", "edm")

    def denoiser(self, device):
        return lambda x, sigma: x / (1 + sigma**2)

    def decode(self, x):
        gain = torch.nn.Parameter(torch.ones((), dtype=x.dtype))
        return gain * torch.nn.functional.interpolate(x, size=28, mode="bilinear").clamp(-1.2, 1.2)

    def draw(self, n, seed):
        z = torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
        return self.decode(z).detach()


class Broken(Latent):
    def decode(self, x):
        raise RuntimeError("no decoder")


class Stated(Broken):
    data_shape = (1, 28, 28)
'''

METRICS = ("fid", "kid", "isc", "precision", "sw2", "energy", "mmd", "ode_error")
RUN = ("run", "--sampler", "heun", "--nfe", "9", "--samples", "64", "--device", "cpu")


@pytest.fixture
def folder(tmp_path: Path, benchbox: Command) -> Path:
    (tmp_path / "latent.py").write_text(SOURCE)
    written(tmp_path / "reference.npz", blobs(80, 1), extractor("mnist-cnn", "cpu"))
    return tmp_path


def test_every_metric_of_images_measures_what_decode_gives(folder: Path, benchbox: Command) -> None:
    names = "fid,kid,isc,prc,sw2,energy,mmd,ode_error"
    options = ("reference=reference.npz", "subset_size=32", "splits=2")
    done = benchbox(*RUN, "--model", "py:latent:Latent", "--metric", names, *(x for o in options for x in ("--set", o)))
    assert done.status == 0, done.err
    (row,) = api.load_results("results").to_dict("records")
    assert all(np.isfinite(row[name]) for name in METRICS)
    assert row["ode_error"] < 1


def test_a_metric_of_what_the_network_sees_is_refused_for_latents(folder: Path, benchbox: Command) -> None:
    for name in ("bpd", "vlb"):
        sentence = benchbox(*RUN, "--model", "py:latent:Latent", "--metric", name).sentence
        assert "latents" in sentence


def test_pictures_show_what_decode_gives(folder: Path, benchbox: Command) -> None:
    for kind in ("samples", "trajectory"):
        done = benchbox(
            "plot",
            "--kind",
            kind,
            "--sampler",
            "heun",
            "--nfe",
            "9",
            "--model",
            "py:latent:Latent",
            "--output",
            f"{kind}.png",
        )
        assert done.status == 0, done.err
    with Image.open("samples.png") as picture:
        assert picture.width > 28
    assert api.sample("heun", model="py:latent:Latent", nfe=9, n=2).shape == (2, 1, 28, 28)
    traced = trace(one_cell("heun", "py:latent:Latent", 9, n_samples=2))
    assert {(tuple(x.shape), x.requires_grad) for _, x in traced} == {((2, 1, 28, 28), False)}


def test_a_model_that_cannot_decode_zeros_may_state_the_shape(folder: Path, benchbox: Command) -> None:
    more = ("--metric", "fid", "--set", "fid.reference=reference.npz", "--dry-run")
    sentence = benchbox(*RUN, "--model", "py:latent:Broken", *more).sentence
    assert "no decoder" in sentence
    assert "data_shape" in sentence
    assert benchbox(*RUN, "--model", "py:latent:Stated", *more).status == 0
    with pytest.raises(UsageError, match="no decoder"):
        _ = api.get("model", "py", function="latent:Broken").data_shape


def test_colours_become_grey_for_mnist_cnn_as_pillow_makes_them() -> None:
    colours = torch.randint(256, (5, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pictures = [Image.fromarray(x.permute(1, 2, 0).numpy()).convert("L") for x in colours]
    grey = torch.as_tensor(np.stack([np.asarray(picture) for picture in pictures]))[:, None]
    assert torch.equal(with_channels(colours, 1), grey)
    assert torch.equal(with_channels(grey.expand(-1, 3, -1, -1), 1), grey)
    assert torch.equal(with_channels(grey, 3), grey.expand(-1, 3, -1, -1))
    extract = extractor("mnist-cnn", "cpu")
    assert extract.channels == MnistCNN.channels == 1
    assert torch.equal(extract(colours, "fid"), extract(grey, "fid"))
    assert not torch.equal(extract(colours, "fid"), extract(colours[:, :1], "fid"))
    torch.testing.assert_close(extract.network(colours), extract.network(grey))
