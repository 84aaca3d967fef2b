"""The one loop: what it draws, asks, holds and refuses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_args

import pytest
import torch
from networks import label, levels, sampler
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import benchbox
from benchbox.bench.run import Run
from benchbox.bench.sweep import one_cell
from benchbox.denoiser import Denoiser
from benchbox.driver import SamplerError, least_nfe, plan_levels, planned_nfe, trajectory
from benchbox.grid import Levels
from benchbox.model import Model, Prediction
from benchbox.noise import Noise
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

CPU = torch.device("cpu")
SIGMAS = (20.0, 9.0, 4.0, 1.5, 0.6, 0.25)
N = len(SIGMAS)
GAUSSIAN = benchbox.get("model", "gaussian")
DISCRETE: Schedule = benchbox.get("schedule", "ddpm")


@dataclass(frozen=True)
class Linear(Model):
    """A network that looks at nothing on the host, and insists on inference mode."""

    name = "linear"
    predicts: Prediction = "eps"
    native: Schedule = DISCRETE
    sigma_data = 0.5

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 4, 4)

    @property
    def schedule(self) -> Schedule:
        return self.native

    @property
    def prediction(self) -> Prediction:
        return self.predicts

    def network(self, device: Any) -> Callable[..., Tensor]:
        def network(y: Tensor, t: Tensor) -> Tensor:
            assert torch.is_inference_mode_enabled()
            assert t.shape == (len(y),)
            return 0.5 * y

        return network


def run(
    chosen: Sampler, model: Model = GAUSSIAN, final: str = "denoise", n: int = 3
) -> tuple[list[Tensor], Noise, Denoiser]:
    noise, denoise = Noise(0, 0, n, model.shape), Denoiser(model, CPU)
    return list(trajectory(chosen, denoise, levels("vp", SIGMAS), noise, final)), noise, denoise


DRAWS: list[tuple[str, dict[str, Any], int]] = [
    ("heun", {}, 0),
    ("heun", {"s_churn": 5.0}, N),
    ("heun", {"s_churn": 5.0, "s_min": 1.0, "s_max": 10.0}, 3),
    ("ddim", {}, 0),
    ("ddim", {"eta": 0.3}, N - 1),
    ("ancestral", {}, N - 1),
    ("ancestral", {"variance": "large"}, N - 1),
    ("euler-maruyama", {}, N - 1),
    ("euler-maruyama", {"kappa": 0.0}, 0),
    ("pc", {}, 2 * (N - 1)),
    ("pc", {"corrector_steps": 0}, N - 1),
    ("pc", {"predictor": "ddim", "corrector_steps": 2}, 2 * (N - 1)),
    ("annealed-langevin", {"steps_per_level": 2}, 2 * N),
    ("ode", {}, 0),
    ("ode", {"method": "dopri5"}, 0),
]


@pytest.mark.parametrize(
    ("name", "options", "draws"), DRAWS, ids=lambda v: label("", v) if isinstance(v, dict) else str(v)
)
def test_no_noise_is_drawn_that_is_not_used(name: str, options: dict[str, Any], draws: int) -> None:
    """One draw for the start, then those of the method alone; and every one of them changes the sample."""
    states, noise, _ = run(sampler(name, **options))
    assert noise.draws == 1 + draws
    for k in range(noise.draws):
        other = Shifted(k)
        *_, x = trajectory(sampler(name, **options), Denoiser(GAUSSIAN, CPU), levels("vp", SIGMAS), other)
        assert not torch.equal(x, states[-1])


def test_heun_churns_its_last_level_as_algorithm_2_does() -> None:
    """Karras et al. 2022: of N noises the last is added at σ_N, where s_min allows it, and D is asked at σ̂_N."""
    churned, spared = (sampler("heun", s_churn=5.0, s_min=s_min) for s_min in (0.0, 1.1 * SIGMAS[-1]))
    (*_, x, end), noise, denoise = run(churned)
    again = Noise(0, 0, 3, GAUSSIAN.shape)
    *_, z = (again(0, 0) for _ in range(noise.draws))
    gamma = min(5.0 / N, math.sqrt(2) - 1)
    sigma, sigma_hat = SIGMAS[-1], SIGMAS[-1] * (1 + gamma)
    torch.testing.assert_close(end, denoise(x + math.sqrt(sigma_hat**2 - sigma**2) * z, sigma_hat))
    (*_, x, end), noise, denoise = run(spared)
    assert noise.draws == N
    assert torch.equal(end, denoise(x, sigma))
    assert run(churned, final="none")[1].draws == N


class Shifted(Noise):
    """The noise of `run`, but for the k-th draw."""

    def __init__(self, k: int) -> None:
        super().__init__(0, 0, 3, GAUSSIAN.shape)
        self.k = k

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        z = super().__call__(sigma, sigma_next)
        return z + 1 if self.draws == self.k + 1 else z


class NoSync(TorchDispatchMode):
    """Refuses whatever makes the host wait for the device."""

    REFUSED = ("_local_scalar_dense", "item", "is_nonzero", "nonzero", "equal", "allclose", "masked_select", "unique")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in self.REFUSED:
            raise AssertionError(f"{name} waits for the device")
        return func(*args, **(kwargs or {}))


SYNC_FREE: list[tuple[str, dict[str, Any]]] = [
    ("heun", {}),
    ("heun", {"s_churn": 5.0}),
    ("ddim", {}),
    ("ddim", {"eta": 0.5}),
    ("ancestral", {}),
    ("ancestral", {"variance": "large", "frame": "vp"}),
    ("euler-maruyama", {}),
    ("euler-maruyama", {"kappa": 0.0, "frame": "edm"}),
    ("pc", {"norm": "sample"}),
    ("pc", {"norm": "expected", "predictor": "heun"}),
    ("annealed-langevin", {}),
]


@pytest.mark.parametrize(("name", "options"), SYNC_FREE, ids=lambda v: label("", v) if isinstance(v, dict) else v)
def test_nothing_waits_for_the_device(name: str, options: dict[str, Any]) -> None:
    models = [GAUSSIAN, *(Linear(p) for p in get_args(Prediction))]
    for model in models:
        with NoSync():
            run(sampler(name, **options), model)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize(("name", "options"), SYNC_FREE, ids=lambda v: label("", v) if isinstance(v, dict) else v)
def test_nothing_waits_on_a_gpu(name: str, options: dict[str, Any]) -> None:
    gpu, cut = torch.device("cuda"), levels("vp", SIGMAS)
    denoise, noise = Denoiser(Linear(), gpu), Noise(0, 0, 3, (3, 4, 4), gpu)
    list(trajectory(sampler(name, **options), denoise, cut, noise))
    torch.cuda.set_sync_debug_mode("error")
    try:
        list(trajectory(sampler(name, **options), denoise, cut, noise))
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("read", [float, bool, Tensor.item, lambda x: x if x > 0 else -x])
def test_the_check_above_sees_a_wait(read: Callable[[Tensor], Any]) -> None:
    for mode in (torch.inference_mode(), torch.no_grad()):
        with pytest.raises(AssertionError, match="waits for the device"), NoSync(), mode:
            read(torch.ones(1))


def test_torchdiffeq_waits() -> None:
    """It keeps its time on the device, as the sampler's docstring says."""
    with pytest.raises(AssertionError, match="waits for the device"), NoSync():
        run(sampler("ode"))


@pytest.mark.parametrize(("name", "options"), SYNC_FREE, ids=lambda v: label("", v) if isinstance(v, dict) else v)
def test_inference_mode_throughout_and_no_further(name: str, options: dict[str, Any]) -> None:
    """Every state is an inference tensor, the network runs in inference mode (it checks), the caller does not."""
    noise = Noise(0, 0, 3, (3, 4, 4))
    for x in trajectory(sampler(name, **options), Denoiser(Linear(), CPU), levels("vp", SIGMAS), noise):
        assert x.is_inference()
        assert not torch.is_inference_mode_enabled()


@dataclass(frozen=True)
class Guided(Sampler):
    name = "guided"
    needs_grad = True

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            denoised, gradient = denoise.vjp(x, sigma, torch.ones_like(x))
            assert not denoised.requires_grad
            lam = torch.tensor((4.0, 1.0, 0.25, 0.04))
            torch.testing.assert_close(gradient, (lam / (lam + sigma**2)).expand_as(x))
            x = torch.lerp(denoised, x, sigma_next / sigma)
            yield x


def test_a_sampler_that_needs_gradients_gets_normal_tensors() -> None:
    states, _, denoise = run(Guided())
    assert not any(x.is_inference() or x.requires_grad for x in states)
    assert denoise.rows == 3 * N
    assert denoise.backward_rows == 3 * (N - 1)


@pytest.mark.parametrize("final", ["denoise", "none"])
def test_states(final: str) -> None:
    """The start, one state an interval, and the last denoise."""
    states, _, denoise = run(sampler("ddim"), final=final)
    assert len(states) == N + (final == "denoise")
    torch.testing.assert_close(states[0], Noise(0, 0, 3, GAUSSIAN.shape)(0, 0) * SIGMAS[0])
    assert denoise.rows == 3 * (N - 1 + (final == "denoise"))
    if final == "denoise":
        torch.testing.assert_close(states[-1], denoise(states[-2], SIGMAS[-1]))


def test_one_level_is_the_start_denoised() -> None:
    noise, denoise = Noise(0, 0, 3, GAUSSIAN.shape), Denoiser(GAUSSIAN, CPU)
    start, x = trajectory(sampler("heun"), denoise, levels("vp", SIGMAS[:1]), noise)
    torch.testing.assert_close(x, denoise(start, SIGMAS[0]))
    langevin = list(trajectory(sampler("annealed-langevin"), denoise, levels("vp", SIGMAS[:1]), noise))
    assert len(langevin) == 3


@dataclass(frozen=True)
class Wrong(Sampler):
    """Yields too little, or another shape or type."""

    name = "wrong"
    how: str = "lazy"

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        if self.how == "lazy":
            yield x
        for _ in grid.sigmas[1:] if self.how != "lazy" else ():
            yield x[:1] if self.how == "shape" else x.double()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("lazy", "yielded 1 times on 5 intervals"),
        ("shape", r"yielded torch.float32 \(1, 4\)"),
        ("dtype", "torch.float64"),
    ],
)
def test_a_sampler_that_breaks_the_contract_is_named(how: str, message: str) -> None:
    with pytest.raises(SamplerError, match=message):
        run(Wrong(how))


def test_more_states_than_intervals_are_welcome() -> None:
    @dataclass(frozen=True)
    class Chatty(Sampler):
        name = "chatty"

        def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
            for _ in range(3 * len(grid.sigmas)):
                yield x

    assert len(run(Chatty())[0]) == 3 * N + 2


def test_budgets() -> None:
    """Heun pays 2N − 1; nothing is bought below the least budget."""
    heun, langevin = sampler("heun"), sampler("annealed-langevin")
    assert [plan_levels(heun, nfe) for nfe in (0, 1, 2, 3, 18, 35, 50)] == [0, 1, 1, 2, 9, 18, 25]
    assert [planned_nfe(heun, n) for n in (9, 18, 25)] == [17, 35, 49]
    assert (least_nfe(heun), least_nfe(langevin), least_nfe(langevin, "none")) == (1, 6, 5)
    assert [plan_levels(langevin, nfe) for nfe in (5, 6, 10, 11)] == [0, 1, 1, 2]


def test_a_level_beyond_the_model_is_clamped_and_counted() -> None:
    denoise = Denoiser(Linear(), CPU)
    with torch.inference_mode():
        x = torch.randn(5, 3, 4, 4)
        high = float(denoise.model.schedule.sigma(1.0))
        assert torch.equal(denoise(x, 1e4), denoise(x, denoise.high))
        assert denoise.clamped == 5
        torch.testing.assert_close(denoise(x, high * 2), denoise(x, high))
    assert denoise.clamped == 10
    assert denoise.rows == 20


@pytest.mark.parametrize("shape", [(2,), (1, 3), (3, 8, 8)])
@pytest.mark.parametrize(("block", "first", "n"), [(16, 0, 70), (16, 5, 3), (5, 7, 30), (1, 2, 9), (64, 0, 10)])
def test_noise_drawn_ahead_is_that_of_one_draw_after_the_other(
    shape: tuple[int, ...], block: int, first: int, n: int
) -> None:
    """Bit for bit, also where more is drawn than was expected; and no draw shares its numbers with another."""
    several, single = (Noise(3, first, n, shape, block=block, expected=k) for k in (4, 1))
    draws = [several(1.0, 0.5) for _ in range(11)]
    assert all(torch.equal(z, single(1.0, 0.5)) for z in draws)
    assert several.draws == 11
    for z in draws:
        z.fill_(0)
    assert torch.equal(several(1.0, 0.5), single(1.0, 0.5))


def test_small_noise_is_drawn_by_one_call_of_each_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[torch.Size] = []
    normal = Tensor.normal_
    monkeypatch.setattr(Tensor, "normal_", lambda z, **options: calls.append(z.shape) or normal(z, **options))
    noise = Noise(0, 0, 64, (2,), expected=19)
    for _ in range(20):
        noise(1.0, 0.5)
    assert len(calls) == 2 * 4


def test_a_run_enters_inference_mode_once_per_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[int] = []
    mode = torch.inference_mode
    cell = one_cell("ddim", "gaussian", 20, n_samples=4, metrics=[])
    run = Run(cell)
    monkeypatch.setattr(torch, "inference_mode", lambda *on: entered.append(1) or mode(*on))
    run.walk(run.levels, 0, 4, "denoise")
    assert len(entered) == 1
