"""Few-step models: their jumps, the samplers that use them, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import torch
from conftest import Command
from jumpers import ExactJumper, exact_jump
from networks import ExactNetwork, levels, sampler
from torch import Tensor

import benchbox
from benchbox.bench.run import Run
from benchbox.bench.sweep import one_cell
from benchbox.denoiser import Denoiser
from benchbox.driver import check_jumps, trajectory
from benchbox.errors import UsageError
from benchbox.exact.certificate import failed_checks
from benchbox.exact.law import noised, propagate
from benchbox.grid import Levels
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.sampler import Sampler
from benchbox.samplers.consistency import Consistency
from benchbox.testing import check_model

CPU = torch.device("cpu")
SIGMAS = (20.0, 4.0, 0.6)
GAUSSIAN: Model = benchbox.get("model", "gaussian")
EDM = benchbox.get("schedule", "edm")
JUMPERS = (GAUSSIAN, ExactJumper(), ExactJumper(predicts="edm", native=EDM))


def run(method: Sampler, model: Model, final: str = "denoise", schedule: str = "edm") -> Tensor:
    denoise = Denoiser(model, CPU, torch.float64)
    noise = Noise(0, 0, 16, model.shape, dtype=torch.float64)
    *_, x = trajectory(method, denoise, levels(schedule, SIGMAS), noise, final)
    assert denoise.rows == 16 * (len(SIGMAS) - (final == "none"))
    return x


@pytest.mark.parametrize("name", ["gaussian", "mixture"])
def test_a_jump_is_the_solution_of_the_ode(name: str) -> None:
    check_model(name)


@dataclass(frozen=True)
class Quiet(Consistency):
    """It forgets the noise."""

    name = "quiet"

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            x = denoise.jump(x, sigma, 0.0).add(0 * noise(sigma, sigma_next), alpha=sigma_next)
            yield x


def test_a_consistency_sampler_that_forgets_its_noise_has_none() -> None:
    assert next(failed_checks(Quiet(), published=False), None) is not None


@pytest.mark.parametrize("model", JUMPERS, ids=lambda model: model.name)
@pytest.mark.parametrize("name", ["consistency", "lcm"])
def test_consistency_keeps_the_law_of_gaussian_data_at_every_level(name: str, model: Model) -> None:
    cut = levels("edm", SIGMAS)
    law = propagate(sampler(name), GAUSSIAN, cut, denoise=Denoiser(model, CPU, torch.float64))
    assert law.w2(noised(GAUSSIAN, SIGMAS[-1]), noised(GAUSSIAN, SIGMAS[0])) < 1e-9


def test_the_ends_of_gamma_are_the_flow_map_and_consistency() -> None:
    flow_map, consistency = run(sampler("flow-map"), GAUSSIAN), run(sampler("consistency"), GAUSSIAN)
    for name in ("flow-map", "tcd"):
        torch.testing.assert_close(run(sampler(name, gamma=0.0), GAUSSIAN), flow_map)
        torch.testing.assert_close(run(sampler(name, gamma=1.0), GAUSSIAN), consistency)
    start = Noise(0, 0, 16, GAUSSIAN.shape, dtype=torch.float64)(0, 0) * levels("edm", SIGMAS).start_std
    torch.testing.assert_close(flow_map, exact_jump(start, SIGMAS[0]))


def test_a_step_of_tcd_ends_below_the_next_level_in_time() -> None:
    """In the variance-preserving frame: to s = (1 − γ) t', then √(ᾱ'/ᾱ_s) x_s + √(1 − ᾱ'/ᾱ_s) z (eq. 9)."""
    frame = benchbox.get("schedule", "vp")
    noise = Noise(0, 0, 16, GAUSSIAN.shape, dtype=torch.float64)
    x, z = noise(0, 0) * levels("vp", SIGMAS[:2]).start_std, noise(0, 0)
    t = float(frame.time(SIGMAS[1]))
    s = 0.7 * t
    alpha_s, alpha = (float(frame.scale(time)) ** 2 for time in (s, t))
    y = math.sqrt(alpha / alpha_s) * (math.sqrt(alpha_s) * exact_jump(x, SIGMAS[0], float(frame.sigma(s))))
    expected = (y + math.sqrt(1 - alpha / alpha_s) * z) / math.sqrt(alpha)
    denoise, again = Denoiser(GAUSSIAN, CPU, torch.float64), Noise(0, 0, 16, GAUSSIAN.shape, dtype=torch.float64)
    *_, end = trajectory(sampler("tcd"), denoise, levels("vp", SIGMAS[:2]), again, "none")
    torch.testing.assert_close(end, expected)


@pytest.mark.parametrize("model", JUMPERS[1:], ids=lambda model: str(model.prediction))
def test_a_distilled_network_jumps_and_has_a_certificate(model: Model) -> None:
    certificate = check_model(model)
    assert {check.name: check.passed for check in certificate.checks}["posterior mean"] is None
    assert run(sampler("consistency"), model).isfinite().all()


@pytest.mark.parametrize(("nfe", "evaluations"), [(1, 1), (2, 2), (4, 4)])
def test_a_jump_is_one_evaluation_and_the_plan_says_so(nfe: int, evaluations: int) -> None:
    cell = one_cell("consistency", "gaussian", nfe, n_samples=16)
    assert (cell.n_levels, cell.nfe_planned) == (nfe, evaluations)
    made = Run(cell)
    list(made.samples())
    assert made.counts()["evaluations"] == 16 * evaluations


def test_the_open_grid_ends_before_the_least_level() -> None:
    karras, opened = (benchbox.get("grid", name, rho=7.0) for name in ("karras", "karras-open"))
    assert list(opened(EDM, 4)) == list(karras(EDM, 5)[:4])


@pytest.mark.parametrize(
    ("model", "method", "says"),
    [
        (ExactJumper(), "heun", "sampler heun needs a denoiser and model exact-jumper only jumps"),
        (ExactJumper(), "flow-map", "exact-jumper jumps only to the data: use sampler consistency"),
        (ExactNetwork(), "consistency", "needs a model that jumps and exact-network is a denoiser"),
    ],
)
def test_models_and_samplers_that_do_not_go_together_are_refused(model: Any, method: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check_jumps(sampler(method), model)
    denoise = Denoiser(ExactJumper(), CPU)
    with pytest.raises(UsageError, match="only jumps"):
        denoise(torch.zeros(1, 4), 1.0)
    with pytest.raises(UsageError, match="jumps only to the data"):
        denoise.jump(torch.zeros(1, 4), 1.0, 0.5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--sampler", "consistency", "--model", "mnist-edm"), "needs a model that jumps and mnist-edm is a denoiser"),
        (
            ("--sampler", "consistency", "--model", "mixture", "--guidance", "cfg"),
            "sampler consistency takes no guidance",
        ),
    ],
)
def test_the_command_refuses_them_in_one_sentence(benchbox: Command, arguments: tuple[str, ...], says: str) -> None:
    outcome = benchbox("run", *arguments, "--nfe", 2, "--dry-run")
    assert outcome.status == 2
    assert says in outcome.sentence
