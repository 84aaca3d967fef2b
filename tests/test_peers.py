"""Side by side with diffusers, on the same noise and levels, in float32, wherever the two define the same thing.

`python tests/test_peers.py` prints the measured differences as the table of docs/peers.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from networks import ExactNetwork, StartedLevels, sampler
from torch import Tensor

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.grid import Levels
from benchbox.model import Model, Prediction
from benchbox.noise import Noise
from benchbox.schedule import Schedule

diffusers = pytest.importorskip("diffusers")

DDPM = benchbox.get("schedule", "ddpm")
BETAS = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
BATCH = 20


@dataclass(frozen=True)
class RandomConv(Model):
    """A network of ε with random weights: close enough to ε̂ of no data (ε = y) to keep the samples bounded.

    learned_variance: and of a variance that differs from pixel to pixel, beyond both of its ends.
    """

    name = "random-conv"
    between: bool = False
    learned_variance: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 8, 8)

    @property
    def schedule(self) -> Schedule:
        schedule: Schedule = DDPM
        return schedule

    @property
    def prediction(self) -> Prediction:
        return "eps"

    @property
    def continuous(self) -> bool:
        return self.between

    def network(self, device: Any) -> Callable[..., Tensor]:
        generator = torch.Generator().manual_seed(0)
        w1, w2 = (torch.randn(shape, generator=generator) / 5 for shape in ((8, 3, 3, 3), (3, 8, 3, 3)))

        def network(y: Tensor, t: Tensor) -> Tensor:
            h = torch.tanh(torch.conv2d(y, w1.to(y), padding=1) + (t / 500).view(-1, 1, 1, 1))
            eps = 0.9 * y + 0.2 * torch.conv2d(h, w2.to(y), padding=1)
            return torch.cat([eps, 1.2 * torch.sin(3 * y)], dim=1) if self.learned_variance else eps

        return network


@dataclass(frozen=True)
class Case:
    """One comparison: our sampler and grid, and the peer's scheduler class, its options and those of its step."""

    sampler: str
    options: dict[str, Any]
    grid: str
    steps: int
    peer: str
    peer_options: dict[str, Any] = field(default_factory=dict)
    step_options: dict[str, Any] = field(default_factory=dict)
    prediction: str = "epsilon"

    def __str__(self) -> str:
        parts = [
            self.sampler,
            *(f"{k}={v}" for k, v in self.options.items()),
            self.grid,
            f"{self.steps}",
            self.prediction,
        ]
        return " ".join(parts)


def cases() -> Iterator[Case]:
    for grid, steps in (("leading", 10), ("leading", 30), ("leading", 50), ("trailing", 10), ("trailing", 50)):
        for eta in (0.0, 0.5, 1.0):
            yield Case("ddim", {"eta": eta}, grid, steps, "DDIMScheduler", step_options={"eta": eta})
        yield Case("ancestral", {}, grid, steps, "DDPMScheduler", {"variance_type": "fixed_small"})
        if grid == "leading":
            yield Case(
                "ancestral", {"variance": "large"}, grid, steps, "DDPMScheduler", {"variance_type": "fixed_large"}
            )
    for grid, steps in (
        ("leading", 10),
        ("leading", 30),
        ("trailing", 10),
        ("trailing", 30),
        ("karras", 10),
        ("karras", 18),
    ):
        yield Case("heun", {}, grid, steps, "HeunDiscreteScheduler")
    for prediction in ("sample", "v_prediction"):
        yield Case("ddim", {"eta": 0.5}, "leading", 20, "DDIMScheduler", {}, {"eta": 0.5}, prediction)
        yield Case("ancestral", {}, "leading", 20, "DDPMScheduler", prediction=prediction)
        yield Case("heun", {}, "karras", 20, "HeunDiscreteScheduler", prediction=prediction)
    for steps in (10, 50):
        learned = {"variance": "learned"}
        yield Case("ancestral", learned, "leading", steps, "DDPMScheduler", {"variance_type": "learned_range"})
    yield Case("ancestral", {}, "trailing", 30, "DDPMScheduler")
    yield Case("ancestral", {}, "leading", 250, "DDPMScheduler")


def models(case: Case) -> Iterator[Model]:
    between = case.grid == "karras"
    if case.options.get("variance") == "learned":
        yield RandomConv(between, learned_variance=True)
        return
    yield ExactNetwork(PREDICTIONS[case.prediction], DDPM, between=between)
    if case.prediction == "epsilon":
        yield RandomConv(between)


def scheduler(case: Case) -> Any:
    options = dict(case.peer_options, prediction_type=case.prediction)
    if case.sampler == "heun":
        options |= {"use_karras_sigmas": case.grid == "karras"}
    else:
        options |= {"clip_sample": False}
    if case.sampler == "ddim":
        options |= {"set_alpha_to_one": True}
    spacing = "trailing" if case.grid == "karras" else case.grid
    made = getattr(diffusers, case.peer)(**BETAS, timestep_spacing=spacing, **options)
    made.set_timesteps(case.steps)
    return made


@contextmanager
def fed(case: Case, draw: Callable[[], Tensor]) -> Iterator[None]:
    """DDPMScheduler draws from a generator: hand it our noise."""
    if case.peer != "DDPMScheduler":
        yield
        return
    with mock.patch("diffusers.schedulers.scheduling_ddpm.randn_tensor", side_effect=lambda *a, **k: draw()):
        yield


def theirs(case: Case, model: Model, peer: Any, noise: Noise) -> Tensor:
    """The peer's loop as its documentation shows it."""
    network = model.network("cpu")
    x: Tensor = noise(0.0, 0.0) * peer.init_noise_sigma
    times = torch.int64 if not model.continuous else torch.float32
    with fed(case, lambda: noise(0.0, 0.0)), torch.inference_mode():
        for t in peer.timesteps:
            out = network(peer.scale_model_input(x, t), t.to(times).expand(len(x)))
            options = dict(case.step_options)
            if options.get("eta"):
                # the last step takes noise too and multiplies it by zero
                options["variance_noise"] = noise(0.0, 0.0) if t != peer.timesteps[-1] else torch.zeros_like(x)
            x = peer.step(out, t, x, return_dict=False, **options)[0]
    return x


def ours(case: Case, model: Model, peer: Any, noise: Noise) -> Tensor:
    if case.grid == "karras":
        sigma_max, sigma_min = float(peer.sigmas[0]), float(peer.sigmas[-2])
        grid = benchbox.get("grid", "karras", sigma_min=sigma_min, sigma_max=sigma_max)
    else:
        grid = benchbox.get("grid", case.grid)
    cut = Levels.cut(DDPM, grid, case.steps)
    if case.sampler == "heun":
        # its start is σ_1 z or √(1+σ_1²) z, by the spacing
        cut = StartedLevels(cut.schedule, cut.times, cut.sigmas, float(peer.init_noise_sigma))
        np.testing.assert_allclose(cut.sigmas, torch.cat([peer.sigmas[:1], peer.sigmas[1:-1:2]]).numpy(), rtol=1e-4)
    *_, x = trajectory(sampler(case.sampler, **case.options), Denoiser(model, torch.device("cpu")), cut, noise)
    return x


def difference(case: Case, model: Model) -> float:
    """The largest difference over the largest value."""
    peer = scheduler(case)
    a, b = (run(case, model, peer, Noise(1, 0, BATCH, model.shape)) for run in (ours, theirs))
    assert a.dtype == b.dtype == torch.float32
    assert bool(b.isfinite().all())
    assert float(b.abs().max()) > 0.05
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_same_samples(case: Case) -> None:
    for model in models(case):
        assert difference(case, model) < 1e-4, model.name


@pytest.mark.parametrize("grid", ["leading", "trailing"])
@pytest.mark.parametrize("steps", [1, 3, 7, 10, 30, 50, 100, 333, 1000])
def test_same_timesteps(grid: str, steps: int) -> None:
    """k − 1 of our grid is diffusers' timestep; one level is the noisiest with us, under leading the last with them."""
    times = np.round(np.array(Levels.cut(DDPM, benchbox.get("grid", grid), steps).times) * 1000).astype(int) - 1
    peer = diffusers.DDIMScheduler(**BETAS, timestep_spacing=grid)
    peer.set_timesteps(steps)
    if steps == 1 and grid == "leading":
        assert (times.tolist(), peer.timesteps.tolist()) == ([999], [0])
    else:
        assert times.tolist() == peer.timesteps.tolist()


def test_same_schedule() -> None:
    abar = diffusers.DDIMScheduler(**BETAS).alphas_cumprod.double().numpy()
    np.testing.assert_allclose(np.asarray(DDPM.scale(np.arange(1, 1001) / 1000)) ** 2, abar, rtol=2e-5)


class TestDifferences:
    """What docs/peers.md says that diffusers defines otherwise."""

    def test_a_step_recomputes_its_end(self) -> None:
        """trailing with 30 steps: the step from t ends at t − ⌊T/N⌋, which is not the next timestep."""
        peer = scheduler(Case("ddim", {}, "trailing", 30, "DDIMScheduler"))
        times = peer.timesteps.tolist()
        off = [t - 1000 // 30 != t_next for t, t_next in pairwise(times)]
        assert sum(off) == 10
        assert self.gap(Case("ddim", {}, "trailing", 30, "DDIMScheduler")) == pytest.approx(8e-3, rel=0.05)

    def test_large_variance_noises_the_last_step(self) -> None:
        options = {"variance_type": "fixed_large"}
        case = Case("ancestral", {"variance": "large"}, "trailing", 10, "DDPMScheduler", options)
        assert self.gap(case) == pytest.approx(0.26, rel=0.05)
        large = diffusers.DDPMScheduler(**BETAS, **options, timestep_spacing="trailing")
        large.set_timesteps(10)
        assert float(large._get_variance(99)) == pytest.approx(1 - float(large.alphas_cumprod[99]), rel=1e-5)

    def test_clipping_is_on_by_default(self) -> None:
        assert diffusers.DDIMScheduler().config.clip_sample is True
        assert diffusers.DDPMScheduler().config.clip_sample is True

    def test_alpha_of_the_end(self) -> None:
        """set_alpha_to_one=False ends at the first level with the predicted noise, not at D."""
        peer = diffusers.DDIMScheduler(**BETAS, set_alpha_to_one=False)
        assert float(peer.final_alpha_cumprod) == pytest.approx(0.9999, rel=1e-6)

    def test_starts_of_heun(self) -> None:
        starts = {}
        for spacing in ("leading", "trailing", "linspace"):
            peer = diffusers.HeunDiscreteScheduler(**BETAS, timestep_spacing=spacing)
            peer.set_timesteps(10)
            starts[spacing] = float(peer.init_noise_sigma) / float(peer.sigmas[0])
        assert starts["trailing"] == starts["linspace"] == 1
        sigma = float(DDPM.sigma(0.901))
        assert starts["leading"] == pytest.approx(math.sqrt(1 + sigma**2) / sigma, rel=1e-6)

    @staticmethod
    def gap(case: Case) -> float:
        return difference(case, next(models(case)))


def table() -> str:
    head = "sampler", "diffusers", "prediction", "grid", "levels", "exact Gaussian", "random conv"
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for case in cases():
        measured = {model.name: f"{difference(case, model):.1e}" for model in models(case)}
        name = " ".join([case.sampler, *(f"{k}={v}" for k, v in case.options.items())])
        values = [measured.get(model, "–") for model in (ExactNetwork.name, RandomConv.name)]
        cells = [name, case.peer, case.prediction, case.grid, str(case.steps), *values]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
    print(f"\ndiffusers {diffusers.__version__}, torch {torch.__version__}, batch {BATCH}, float32, CPU")
