"""A learned variance: its ends, the exact reverse kernel and bound on Gaussian data, what carries it, and training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Command
from networks import EIGENVALUES, MEAN, OneHot, exact, levels, sampler
from torch import Tensor, nn

import benchbox
from benchbox.bench.budget import GuidedBudgets
from benchbox.bench.recording import RecordingDenoiser
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import Request, expand
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.errors import UsageError
from benchbox.grid import Levels
from benchbox.guidance import guided
from benchbox.likelihoods import normal_kl
from benchbox.metrics.bound import all_levels, bound_estimate
from benchbox.metrics.data import Data
from benchbox.metrics.terms import Terms
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.schedule import Schedule
from benchbox.training.hybrid import variational_loss
from benchbox.training.losses import Loss
from benchbox.variance import decoder_stds, interpolated, reverse_stds

CPU = torch.device("cpu")
DDPM: Schedule = benchbox.get("schedule", "ddpm")
LAM, MU = np.array(EIGENVALUES), np.array(MEAN)


def exact_v(sigma: float, sigma_next: float) -> Tensor:
    """v of the true reverse kernel: x' given x has the variance β̃ + (1 − σ'²/σ²)² λσ²/(λ + σ²)."""
    small, large = reverse_stds(sigma, sigma_next)
    variance = small**2 + (1 - (sigma_next / sigma) ** 2) ** 2 * LAM * sigma**2 / (LAM + sigma**2)
    return torch.as_tensor(np.log(variance / small**2) / np.log(large**2 / small**2))


def exact_decoder_v(sigma: float, sigma_above: float) -> Tensor:
    """v of the true p(x_0|x_1), of the variance λσ²/(λ + σ²)."""
    small, large = decoder_stds(sigma, sigma_above)
    return torch.as_tensor(np.log(LAM * sigma**2 / (LAM + sigma**2) / small**2) / np.log(large**2 / small**2))


@dataclass(frozen=True)
class WithVariance(Model):
    """The perfect network of N(MEAN, diag EIGENVALUES) on ddpm: x_0, and the exact v of the steps between `sigmas`.

    shift is added to v; `classes` labels move the mean by the label, and v by a tenth of it (the last is none).
    """

    name = "with-variance"
    sigmas: tuple[float, ...]
    shift: float = 0.0
    classes: int = 0
    learned_variance: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(MEAN),)

    schedule = DDPM  # type: ignore[assignment]
    prediction = "x0"  # type: ignore[assignment]
    continuous = True  # type: ignore[assignment]

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        return {"label": index % self.classes} if self.classes else {}

    def unconditional(self, index: Tensor) -> dict[str, Tensor] | None:
        return {"label": index * 0 + self.classes} if self.classes else None

    def network(self, device: Any) -> Callable[..., Tensor]:
        table = {round(math.log(s), 6): exact_v(s, low) for s, low in pairwise(self.sigmas)}
        table[round(math.log(self.sigmas[-1]), 6)] = exact_decoder_v(self.sigmas[-1], self.sigmas[-2])

        def network(y: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
            time = (float(t[0]) + 1) / 1000
            s, sigma = float(DDPM.scale(time)), float(DDPM.sigma(time))
            v = (table[round(math.log(sigma), 6)] + self.shift).expand(len(y), -1)
            denoised = exact(y / s, sigma)
            if label is not None:
                denoised, v = denoised + label[:, None], v + 0.1 * label[:, None]
            return torch.cat([denoised, 2 * v - 1], dim=1)

        return network


LEARNED = Setting("ancestral", "variance", ["learned"])
LEVELS = Levels.cut(DDPM, benchbox.get("grid", "trailing"), 6)


def denoiser(**options: Any) -> Denoiser:
    return Denoiser(WithVariance(LEVELS.sigmas, **options), CPU, torch.float64)


class TestStep:
    def test_the_ends_are_the_posterior_and_the_forward_variance(self) -> None:
        abar = [float(DDPM.scale(k / 1000)) ** 2 for k in (500, 320)]
        beta = 1 - abar[0] / abar[1]
        small, large = reverse_stds(*(math.sqrt((1 - a) / a) for a in abar))
        ends = interpolated(small, large, torch.tensor([0.0, 1.0], dtype=torch.float64)) ** 2 * abar[1]
        assert ends.tolist() == pytest.approx([(1 - abar[1]) / (1 - abar[0]) * beta, beta], rel=1e-12)

    @pytest.mark.parametrize(("shift", "variance"), [(0.0, "small"), (1.0, "large")])
    def test_a_network_that_gives_an_end_is_the_sampler_of_that_variance(self, shift: float, variance: str) -> None:
        class Ends(Denoiser):
            def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
                return self(x, sigma), torch.full_like(x, shift)

        states = []
        for denoise, kind in (
            (Ends(WithVariance(LEVELS.sigmas), CPU, torch.float64), "learned"),
            (denoiser(), variance),
        ):
            noise = OneHot(8, (4,))
            states.append([*trajectory(sampler("ancestral", variance=kind), denoise, LEVELS, noise)][-1])
        torch.testing.assert_close(*states, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("variance", ["learned", "small", "large"])
    def test_with_the_exact_v_every_level_has_the_exact_law_in_six_steps(self, variance: str) -> None:
        """From the exact law at the first level; without v it has not."""
        walk = trajectory(sampler("ancestral", variance=variance), denoiser(), LEVELS, OneHot(12, (4,)), "none")
        worst = 0.0
        for x, sigma in zip(walk, LEVELS.sigmas, strict=True):
            mean, rows = x[0].numpy(), (x[1:] - x[0]).numpy()
            start = rows[0] / LEVELS.start_std
            variances = start**2 * (LAM + LEVELS.sigmas[0] ** 2) + np.square(rows[1:]).sum(0)
            worst = max(worst, float(np.abs(variances / (LAM + sigma**2) - 1).max()))
            np.testing.assert_allclose(mean + start * MU, MU, atol=1e-9)
        assert worst < 1e-9 if variance == "learned" else worst > 1e-2


class TestBound:
    def test_with_the_exact_v_it_is_the_entropy_and_the_mismatch_of_the_start(self) -> None:
        """Every reverse kernel is then the true one: E −log p(x_0) = H + KL(q(x_T) ‖ start)."""
        schedule = benchbox.get("schedule", "ddpm", steps=30)
        cut = all_levels(schedule, None)  # type: ignore[arg-type]
        ratio = (LAM + cut.sigmas[0] ** 2) / cut.start_std**2
        kl = 0.5 * (ratio - 1 - np.log(ratio) + MU**2 / cut.start_std**2)
        exact_bits = float((0.5 * np.log(2 * math.pi * math.e * LAM) + kl).mean()) / math.log(2)
        data = Data(benchbox.get("model", "gaussian").draw(20_000, 0), None, None)
        found = {}
        for kind in ("learned", "small", "large"):
            denoise = Denoiser(Short(cut.sigmas, steps=30), CPU, torch.float64)
            found[kind] = bound_estimate(Terms(denoise, cut, data, 30, kind), np.random.default_rng(0))
        value, error = float(found["learned"]["vlb"] or 0), float(found["learned"]["vlb_std"] or 0)
        assert abs(value - exact_bits) < 4 * error < 0.04
        assert all(float(found[kind]["vlb"] or 0) > exact_bits + 0.1 for kind in ("small", "large"))

    def test_a_model_without_one_is_refused(self) -> None:
        with pytest.raises(UsageError, match="model gaussian has no learned variance"):
            benchbox.get("metric", "vlb", variance="learned").check(benchbox.get("model", "gaussian"))


@dataclass(frozen=True)
class Short(WithVariance):
    """On a schedule of fewer steps."""

    steps: int = 30

    @property
    def schedule(self) -> Schedule:  # type: ignore[override]
        made: Schedule = benchbox.get("schedule", "ddpm", steps=self.steps)
        return made

    def network(self, device: Any) -> Callable[..., Tensor]:
        table = [exact_decoder_v(self.sigmas[-1], self.sigmas[-2])]
        table += [exact_v(s, low) for low, s in pairwise(self.sigmas[::-1])]

        def network(y: Tensor, t: Tensor) -> Tensor:
            k = round(float(t[0]))
            time = (k + 1) / self.steps
            s, sigma = float(self.schedule.scale(time)), float(self.schedule.sigma(time))
            return torch.cat([exact(y / s, sigma), (2 * table[k] - 1).expand(len(y), -1)], dim=1)

        return network


class TestDenoiser:
    def test_both_are_of_one_evaluation_and_the_denoised_is_that_of_a_plain_call(self) -> None:
        denoise, x = denoiser(), torch.randn(3, 4, dtype=torch.float64)
        denoised, v = denoise.with_variance(x, LEVELS.sigmas[2])
        assert denoise.rows == 3
        assert torch.equal(denoised, denoise(x, LEVELS.sigmas[2]))
        torch.testing.assert_close(v, exact_v(*LEVELS.sigmas[2:4]).expand(3, -1))

    @pytest.mark.parametrize("guidance", ["cfg", "autoguidance"])
    def test_under_a_guidance_v_is_that_of_the_conditional_evaluation_and_costs_nothing(self, guidance: str) -> None:
        options = {"guide": WithVariance(LEVELS.sigmas, shift=5.0, classes=3)} if guidance == "autoguidance" else {}
        denoise, sigma = denoiser(classes=3), LEVELS.sigmas[2]
        denoise.at(torch.arange(5))
        x = torch.randn(5, 4, dtype=torch.float64)
        _, own = denoise.with_variance(x, sigma)
        before = denoise.evaluations
        wrapped = guided(benchbox.get("guidance", guidance, scale=3.0, **options), denoise, LEVELS)
        denoised, v = wrapped.with_variance(x, sigma)
        assert denoise.evaluations - before == 10
        assert denoise.guided_calls == 5
        assert torch.equal(v, own)
        assert torch.equal(denoised, wrapped(x, sigma))
        assert (guidance == "cfg") == bool((denoised - denoise(x, sigma)).abs().max() > 0.1)  # the guide differs in v

    def test_a_guided_run_is_planned_and_counted_as_with_another_variance(self) -> None:
        denoise, cfg, grid = denoiser(classes=2), benchbox.get("guidance", "cfg"), benchbox.get("grid", "trailing")
        denoise.at(torch.arange(2))
        for variance in ("small", "learned"):
            chosen = sampler("ancestral", variance=variance)
            budgets = GuidedBudgets(chosen, cfg, denoise.model, DDPM, grid, "denoise")
            assert budgets.levels(12) == len(LEVELS.sigmas)
            denoise.reset()
            recorder = RecordingDenoiser(guided(cfg, denoise, LEVELS))
            list(trajectory(chosen, recorder, LEVELS, Noise(0, 0, 2, (4,))))  # type: ignore[arg-type]
            assert (denoise.evaluations, denoise.guided_calls, len(recorder.calls)) == (24, 12, 6)

    def test_a_model_without_one_is_refused_before_any_work(self) -> None:
        with pytest.raises(UsageError, match=r"model mnist-ddpm has no learned variance.*small or large"):
            expand(Request(["ancestral"], [10], models=["mnist-ddpm"], settings=[LEARNED]))


class TwoOutputs(nn.Module):
    """ε of N(0, 1), and v = 1/4 wherever it is asked."""

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        return torch.cat([y * 0.5, torch.full_like(y, -0.5)], dim=1)


NETWORK = ("--set", "prediction=eps", "--set", "schedule=ddpm", "--set", "shape=1:4:4")
RUN = ("run", "--sampler", "ancestral", "--set", "variance=learned", "--nfe", 5, "--samples", 4, "--metric", "none")


class TestNetworks:
    def test_a_torchscript_file_carries_it(self, benchbox: Command, tmp_path: Path) -> None:
        example = (torch.zeros(2, 1, 4, 4), torch.zeros(2))
        torch.jit.save(torch.jit.trace(TwoOutputs(), example), tmp_path / "net.pt")  # type: ignore[no-untyped-call]
        how = (*RUN, "--model", "torchscript:net.pt", *NETWORK)
        assert "add --set learned_variance=true" in benchbox(*how[:3], *how[5:]).sentence
        assert "has no learned variance" in benchbox(*how).sentence
        done = benchbox(*how, "--set", "learned_variance=true")
        assert done.status == 0, done.err

    def test_your_own_code_carries_it_and_is_told_where_it_gives_half(self, benchbox: Command, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(
            "import torch\n\n\ndef net(y, t):\n    return torch.cat([y, y], 1)\n\n\ndef half(y, t):\n    return y\n"
        )
        learned = ("--set", "learned_variance=true")
        done = benchbox(*RUN, "--model", "py:mine:net", *NETWORK, *learned)
        assert done.status == 0, done.err
        said = benchbox(*RUN, "--model", "py:mine:half", *NETWORK, *learned).sentence
        assert "with learned_variance=true the output has twice the channels of the input" in said


class TestTraining:
    @pytest.mark.parametrize("k", [1, 40, 99])
    def test_a_term_is_the_divergence_of_the_two_normals(self, k: int) -> None:
        schedule = benchbox.get("schedule", "ddpm", steps=100)
        sigma, low = (float(schedule.sigma((i + 1) / 100)) for i in (k, k - 1))
        x0, denoised, v = (torch.randn(1, 1, 4, 4, dtype=torch.float64) for _ in range(3))
        small, large = reverse_stds(sigma, low)
        gain = 1 - (low / sigma) ** 2
        normal = torch.distributions.Normal
        kl = torch.distributions.kl_divergence(
            normal(gain * x0, torch.full_like(x0, small)), normal(gain * denoised, small ** (1 - v) * large**v)
        )
        found = variational_loss(schedule, torch.tensor([k]), x0, denoised, v)
        assert float(found) == pytest.approx(float(kl.mean()) * 100 / math.log(2), rel=1e-9)

    def test_it_is_least_at_the_v_of_the_true_kernel(self) -> None:
        schedule, k, lam, n = benchbox.get("schedule", "ddpm", steps=100), 30, 0.25, 200_000
        sigma, low = (float(schedule.sigma((i + 1) / 100)) for i in (k, k - 1))
        generator = torch.Generator().manual_seed(0)
        x0 = lam**0.5 * torch.randn(n, 1, 1, 1, generator=generator, dtype=torch.float64)
        x = x0 + sigma * torch.randn(x0.shape, generator=generator, dtype=torch.float64)
        denoised = lam / (lam + sigma**2) * x
        small, large = reverse_stds(sigma, low)
        true = small**2 + (1 - (low / sigma) ** 2) ** 2 * lam * sigma**2 / (lam + sigma**2)
        v = torch.tensor(math.log(true / small**2) / math.log(large**2 / small**2), requires_grad=True)
        slopes = []
        for shift in (-0.1, 0.0, 0.1):
            value = variational_loss(schedule, torch.full((n,), k), x0, denoised, (v + shift).expand(x0.shape))
            slopes.append(float(torch.autograd.grad(value, v)[0]))
        assert slopes[0] < 0 < slopes[2]
        assert abs(slopes[1]) < 0.05 * min(-slopes[0], slopes[2])

    def test_the_mean_learns_from_the_simple_loss_alone(self) -> None:
        """And the variance from the bound alone: the mean's gradient is that of a network without it."""
        torch.manual_seed(0)
        mean, variance = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1)
        x0 = torch.rand(16, 1, 6, 6) * 2 - 1
        for prediction in ("eps", "x0", "v"):
            gradients = []
            for learned in (False, True):
                loss = Loss(prediction, DDPM, 0.5, learned_variance=learned)  # type: ignore[arg-type]

                def network(y: Tensor, t: Tensor, learned: bool = learned) -> Tensor:
                    return torch.cat([mean(y), variance(y)], dim=1) if learned else mean(y)

                value = loss(network, x0, torch.Generator().manual_seed(1))  # type: ignore[arg-type]
                nn.ModuleList([mean, variance]).zero_grad()
                value.backward()
                gradients.append(mean.weight.grad.clone())  # type: ignore[union-attr]
            torch.testing.assert_close(*gradients)
            assert float(variance.weight.grad.abs().max()) > 0  # type: ignore[union-attr]

    def test_the_command_trains_it_and_ancestral_and_the_bound_use_it(self, benchbox: Command, tmp_path: Path) -> None:
        images = np.random.default_rng(0).integers(0, 256, (32, 8, 8), dtype=np.uint8)
        np.savez(tmp_path / "a.npz", x_train=images)
        train = ("train", "a.npz", "-o", "out", "--name", "tiny", "--steps", 3, "--batch-size", 8, "--widths", "16")
        said = benchbox(*train, "--learn-variance").sentence
        assert "--learn-variance needs steps from one level to the next" in said
        done = benchbox(*train, "--learn-variance", "--prediction", "eps")
        assert done.status == 0, done.err
        metric = ("--metric", "vlb", "--set", "vlb.data=a.npz", "--set", "samples=4", "--set", "vlb.variance=learned")
        done = benchbox(*RUN[:-2], *metric, "--set", "vlb.levels=4", "--model", "out/tiny.json")
        assert done.status == 0, done.err


def test_a_level_of_the_run_is_one_of_the_toy() -> None:
    """The toy has a v at the levels of LEVELS alone: a sampler that asked elsewhere would fail."""
    with pytest.raises(KeyError):
        denoiser()(torch.zeros(1, 4, dtype=torch.float64), 1.2345)
    assert levels("ddpm", (2.0, 1.0)).sigmas == (2.0, 1.0)
    assert float(normal_kl(torch.zeros(1), 1.0, 2.0, 2.0)) == 0
