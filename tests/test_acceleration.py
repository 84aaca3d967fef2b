"""Compiled networks, weights in half precision, channels-last: the same samples to rounding, and a row says so."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Command
from torch import Tensor, nn

import benchbox as api
from benchbox.acceleration import Acceleration, accelerated, repeated_blocks
from benchbox.bench.rerun import find_row, obstacles, rebuild
from benchbox.denoiser import Denoiser, loaded_denoiser
from benchbox.nets.unet import UNet
from benchbox.prediction import Wrapped
from benchbox.store.store import Store

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 2))

    def forward(self, y, t):
        return self.layers(torch.cat([y, t[:, None].to(y)], dim=1))

def net(device):
    return Net().to(device)
"""
OPTIONS = ("prediction=edm", "sigma_data=0.5", "shape=2")
RUN = (
    "run", "--model", "py:small_net:net", *(word for option in OPTIONS for word in ("--set", option)), "--sampler",
    "heun", "--nfe", 5, "--samples", 24, "--batch-size", 16, "--device", "cpu", "--metric", "none",
)  # fmt: skip
CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path, benchbox: Command) -> Path:
    (tmp_path / "small_net.py").write_text(SOURCE)
    return tmp_path


def test_a_compiled_network_gives_the_samples_of_the_eager_one_and_is_compiled_once(
    folder: Path, benchbox: Command
) -> None:
    """24 samples in batches of 16: the second batch has the shape that was compiled."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    for more in ((), ("--compile",)):
        done = benchbox(*RUN, *more, "--save-samples", "saved")
        assert done.status == 0, done.err
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    rows = {row["compile"]: row for row in api.load_results("results").to_dict("records")}
    eager, compiled = (rows[name] for name in sorted(rows, key=lambda name: name == "default"))
    assert eager["stream"] != compiled["stream"]
    assert compiled["compile_s"] > 0
    assert math.isnan(eager["compile_s"])
    assert compiled["nfe"] == compiled["nfe_max"] == 5
    x, y = (saved(folder / "saved", row["stream"]) for row in (eager, compiled))
    assert x.shape == y.shape == (24, 2)
    torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-6)
    again = rebuild(find_row(Store(folder / "results"), compiled["cell"]))
    assert again.id == compiled["cell"], obstacles(find_row(Store(folder / "results"), compiled["cell"]), again)


def saved(folder: Path, stream: str) -> Tensor:
    from benchbox.bench.samples import open_samples

    (path,) = (p for p in folder.iterdir() if stream in p.name)
    return torch.as_tensor(open_samples(path))


def test_what_cannot_be_compiled_is_refused_in_one_sentence(
    folder: Path, benchbox: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "a formula" in benchbox("run", "--model", "gaussian", "--sampler", "heun", "--nfe", 5, "--compile").sentence
    assert "of images" in benchbox(*RUN, "--channels-last").sentence
    loaded_denoiser.cache_clear()  # an earlier test compiled it
    monkeypatch.setenv("CXX", "no-such-compiler")
    sentence = benchbox(*RUN, "--compile").sentence
    assert "there is no no-such-compiler: install one" in sentence
    assert not list((folder / "results").glob("*.parquet"))


@pytest.mark.parametrize("name", ["mnist-edm", "mnist-ncsn"])
def test_weights_in_half_precision_change_the_denoiser_by_its_rounding(name: str) -> None:
    model = api.get("model", name)
    whole, half = (Denoiser(model, CPU, dtype) for dtype in (torch.float32, torch.bfloat16))
    network = getattr(half.formula, "network")  # noqa: B009 (a formula has none)
    assert {p.dtype for p in network.parameters()} == {torch.bfloat16}
    assert {b.dtype for b in network.buffers()} <= {torch.float32}
    z = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    for denoise in (whole, half):
        denoise.at(torch.arange(2))
    with torch.inference_mode():
        for sigma in (0.1, 1.0, 20.0):
            x = sigma * z
            d, rounded = whole(x, sigma), half(x, sigma)
            assert rounded.dtype == torch.float32
            assert 0 < float((rounded - d).norm() / (x - d).norm()) < 0.03  # of the noise; a bfloat16 has 8 bits


def test_a_network_that_does_not_say_so_keeps_its_weights(folder: Path, benchbox: Command) -> None:
    for dtype in ("bfloat16", "float32"):
        assert benchbox(*RUN, "--dtype", dtype).status == 0
    assert api.load_results("results")["weights_dtype"].isna().all()


def test_channels_last_is_the_same_network_and_its_states_stay_contiguous() -> None:
    model = api.get("model", "mnist-edm")
    plain, last = (Denoiser(model, CPU, acceleration=Acceleration(channels_last=c)) for c in (False, True))
    x = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    for denoise in (plain, last):
        denoise.at(torch.arange(3))
    with torch.inference_mode():
        d, same = plain(x, 1.0), last(x, 1.0)
    assert same.is_contiguous()
    torch.testing.assert_close(d, same, rtol=1e-4, atol=1e-5)
    weights = [p for p in last.formula.network.parameters() if p.ndim == 4 and min(p.shape[1:]) > 1]  # type: ignore[attr-defined]
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)
    assert weights


def test_the_output_of_a_cuda_graph_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph writes each output to the same memory: D of one evaluation outlives the next."""
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: None)
    memory = torch.zeros(1, 1, 28, 28)
    formula = Wrapped(api.get("model", "mnist-edm"), CPU, torch.float32)
    formula.network = lambda y, t, **conditions: memory.copy_(y)
    formula.replayed = True
    y = torch.ones_like(memory)
    first = formula.evaluated(y, torch.zeros(1))
    formula.evaluated(2 * y, torch.zeros(1))
    assert torch.equal(first, y)


def block(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width), nn.GELU())


class Transformer(nn.Module):
    def __init__(self, head: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([block(16) for _ in range(4)])
        self.head = nn.Linear(16, head)

    def forward(self, y: Tensor) -> Tensor:
        for layer in self.blocks:
            y = layer(y)
        return self.head(y)


@pytest.mark.parametrize(
    ("network", "n"),
    [
        (Transformer(4), 4),
        (Transformer(1000), 0),  # most of the parameters are elsewhere
        (nn.Sequential(Transformer(4)), 4),
        (nn.ModuleList([block(16), block(32)]), 0),
        (UNet(), 0),
    ],
)
def test_repeated_blocks_are_compiled_where_they_are_most_of_the_network(network: Any, n: int) -> None:
    assert len(repeated_blocks(network)) == n


def test_compiled_blocks_give_the_output_of_eager_ones() -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    network, y = Transformer(4).requires_grad_(False), torch.randn(8, 16)
    with torch.inference_mode():
        eager = network(y)
        compiled = accelerated(network, Acceleration(compiled=True), CPU)
        assert compiled is network
        torch.testing.assert_close(compiled(y), eager)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] < len(network.blocks)
