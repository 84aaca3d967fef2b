"""On a GPU that is simulated (torch's fake tensors): the loop waits for nothing and copies nothing from the host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from networks import levels, sampler
from torch import Tensor
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.device import HostClock, to_device
from benchbox.driver import trajectory
from benchbox.guidance import guided
from benchbox.models.card_model import CardModel
from benchbox.nets import make_network
from benchbox.noise import Noise, draws_at_once

GPU = torch.device("cuda:0")
SIGMAS = (20.0, 9.0, 4.0, 1.5, 0.6, 0.25)
WAITS = ("_local_scalar_dense", "is_nonzero", "nonzero", "equal", "masked_select", "_unique2", "item")


class Synchronising(TorchDispatchMode):
    """Counts the calls that make the host wait for the device: reads of a value, copies between the two."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        out = func(*args, **(kwargs or {}))
        devices = {x.device.type for x in (*args, out) if isinstance(x, Tensor)}
        if name in WAITS or len(devices) > 1:
            self.calls[name] += 1
        return out


class FakeNoise:
    """Noise on the simulated GPU, which has no generators."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        return torch.empty(self.shape, device=GPU)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A simulated GPU, where networks have no weights."""
    monkeypatch.setattr("benchbox.denoiser.clock", lambda device: HostClock())
    monkeypatch.setattr(CardModel, "network", untrained)
    with FakeTensorMode():
        yield


def untrained(model: CardModel, device: torch.device) -> Any:
    with torch.device(device):
        card = model.card
        network: Any = make_network(card.architecture, card.prediction, model.schedule, model.sigma_data)
    network.to = lambda *_: network  # the parameters of a module that are simulated cannot be moved
    return network


CASES: list[tuple[str, str, str | None]] = [
    ("mnist-edm", "heun", None),
    ("mnist-edm", "ancestral", "cfg"),
    ("mnist-ddpm", "ddim", None),
    ("mnist-ncsn", "euler-maruyama", None),
]


@pytest.mark.parametrize(("name", "method", "guidance"), CASES, ids=str)
def test_a_run_of_a_network_waits_for_nothing(gpu: None, name: str, method: str, guidance: str | None) -> None:
    model = benchbox.get("model", name)
    denoise, cut = Denoiser(model, GPU), levels("edm", SIGMAS)
    denoise.at(torch.arange(4, device=GPU))
    asked = guided(guidance and benchbox.get("guidance", guidance, scale=2.0), denoise, cut)
    with Synchronising() as counter:
        states = list(trajectory(sampler(method), asked, cut, FakeNoise((4, *model.shape))))  # type: ignore[arg-type]
    assert states[-1].device == GPU
    assert not counter.calls


def test_noise_of_a_gpu_takes_less_than_a_kernel_per_draw_and_does_not_depend_on_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Several draws at once, of a number that depends on the shape alone; here with the generators of the CPU."""
    assert draws_at_once("cuda", 16 * 3072, 4, 1) == draws_at_once("cuda", 16 * 3072, 32, 50) >= 32
    assert draws_at_once("cuda", 16 * 3 * 256**2, 4, 50) == 1
    monkeypatch.setattr("benchbox.noise.draws_at_once", lambda kind, size, blocks, expected: 5)
    one, many = Noise(0, 20, 1, (3,)), Noise(0, 0, 64, (3,), expected=12)
    with Filling() as fills:
        draws = [many(0, 0) for _ in range(11)]
    assert fills.calls == 4 * (1 + 2)  # the first draw of four blocks, then five at a time
    assert all(torch.equal(one(0, 0)[0], draw[20]) for draw in draws)


class Filling(TorchDispatchMode):
    """Counts the calls of generators."""

    calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += func.overloadpacket.__name__ == "normal_"
        return func(*args, **(kwargs or {}))


def test_copies_to_a_gpu_are_from_pinned_memory_and_not_waited_for() -> None:
    class Host:
        device = torch.device("cpu")
        made: list[Any] = []  # noqa: RUF012 (read once)

        def pin_memory(self) -> Host:
            self.made.append("pinned")
            return self

        def to(self, device: Any, **options: Any) -> None:
            self.made.append((str(device), options))

    to_device(Host(), "cuda:0")  # type: ignore[arg-type]
    assert Host.made == ["pinned", ("cuda:0", {"non_blocking": True})]


@pytest.mark.parametrize("wait", [
    lambda x: torch.tensor([1.0, 2.0], device=GPU), lambda x: x.cpu(), lambda x: x[x > 0],
    lambda x: torch.ones(1).to(GPU),
])  # fmt: skip
def test_the_counter_counts(gpu: None, wait: Any) -> None:
    with Synchronising() as counter:
        try:
            wait(torch.ones(3, device=GPU))
        except DynamicOutputShapeException:  # the shape depends on values, which a simulated GPU does not have
            return
    assert counter.calls
