"""A batch that is divided among threads gives what the network gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from benchbox.nets.unet import UNet
from benchbox.threaded import LEAST, Threaded


class Calls(nn.Module):
    """Notes the batch and the modes of each call."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.calls = network, list[tuple[int, bool, bool]]()

    def forward(self, y: Tensor, t: Tensor, **conditions: Tensor) -> Tensor:
        self.calls.append((len(y), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")))
        out: Tensor = self.network(y, t, **conditions)
        return out


@pytest.fixture
def calls() -> Iterator[Calls]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    network = UNet(channels=1, widths=(8, 8), classes=3)
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.1)
    yield Calls(network.eval().requires_grad_(False))
    torch.set_num_threads(before)


def batch(n: int) -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(n, 1, 8, 8), torch.linspace(0, 1, n), torch.arange(n) % 3


@pytest.mark.parametrize("bfloat16", [False, True])
def test_each_sample_has_the_value_that_the_network_gives_it(calls: Calls, bfloat16: bool) -> None:
    y, t, label = batch(2 * LEAST + 1)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        expected = calls.network(y, t, label=label)
        torch.testing.assert_close(Threaded(calls)(y, t, label=label), expected)
    assert sorted(calls.calls) == [(LEAST, True, bfloat16), (LEAST + 1, True, bfloat16)]
    assert torch.get_num_threads() == 2


def test_small_batches_and_gradients_reach_the_network_as_they_are(calls: Calls) -> None:
    y, t, label = batch(2 * LEAST)
    with torch.no_grad():
        Threaded(calls)(y[1:], t[1:], label=label[1:])
    leaf = y.requires_grad_()
    Threaded(calls)(leaf, t, label=label).sum().backward()
    assert leaf.grad is not None
    assert [n for n, *_ in calls.calls] == [2 * LEAST - 1, 2 * LEAST]


def test_an_error_of_the_network_is_raised(calls: Calls) -> None:
    y, t, _ = batch(2 * LEAST)
    with torch.no_grad(), pytest.raises(IndexError):
        Threaded(calls)(y, t, label=torch.full((2 * LEAST,), 9))
