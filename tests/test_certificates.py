"""Certificates: the built-ins pass, and each kind of bad sampler is rejected with a message that names its fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from faults import fault_found
from torch import Tensor
from typer.testing import CliRunner

import benchbox
from benchbox import Accumulator, Context, Levels, Metric, Model, Sampler, Schedule, get
from benchbox.cli.main import app
from benchbox.denoiser import Denoiser
from benchbox.exact.conformance import certificate_of
from benchbox.exact.convergence import errors
from benchbox.models.gaussian import Gaussian
from benchbox.noise import Noise
from benchbox.registry import registry
from benchbox.schedules.exploding import EDM
from benchbox.testing import check_metric, check_model, check_sampler, check_schedule


@pytest.mark.parametrize(
    "name", [n for n in registry().names("sampler") if not benchbox.get("sampler", n).uses_measurement]
)
def test_built_in_samplers_pass(name: str) -> None:
    """Under every setting; ode, whose adaptive methods take most of a minute, at its own options here."""
    found = certificate_of(name, "sampler", quick=name == "ode")
    assert not found.failures
    assert len(found.checks) > 20
    assert found.errors
    assert all(error.interval is None for error in found.errors)  # exact, each of them


@pytest.mark.parametrize("name", registry().names("schedule"))
def test_built_in_schedules_pass(name: str) -> None:
    assert len(check_schedule(name).checks) == 5


JUMPS = ["jumps compose", "short jumps", "end of jumps"]


@pytest.mark.parametrize(
    ("name", "also"), [("gaussian", ["closed form", *JUMPS]), ("mixture", JUMPS), ("empirical", [])]
)
def test_analytic_models_pass(name: str, also: list[str]) -> None:
    certificate = check_model(name)
    assert certificate.passed
    assert {check.name for check in certificate.checks if check.passed} == {"posterior mean", "conduct", *also}


@pytest.mark.parametrize("name", ["w2", "sw2", "ode_error"])
def test_metrics_pass(name: str) -> None:
    assert [check.passed for check in check_metric(name).checks] == [True] * 3


def euler(denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
    return denoise(x, sigma).lerp(x, sigma_next / sigma)


@dataclass(frozen=True)
class Good(Sampler):
    """DDIM under another name: nothing is known of it but what it does."""

    name = "good"
    order = 1

    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise(grid.sigmas):
            x = self.step(denoise, x, sigma, sigma_next)
            yield x

    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        return euler(denoise, x, sigma, sigma_next)


class ClaimsTwo(Good):
    order = 2


class Hungry(Good):
    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        denoise(x, sigma_next)
        return euler(denoise, x, sigma, sigma_next)


@dataclass(frozen=True)
class Caches(Good):
    answers: dict[float, Tensor] = field(default_factory=dict, init=False, repr=False, compare=False)

    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        if sigma not in self.answers or self.answers[sigma].shape != x.shape:
            self.answers[sigma] = denoise(x, sigma).clone()
        return self.answers[sigma].to(x.dtype).lerp(x, sigma_next / sigma)


@dataclass(frozen=True)
class CachesButAsks(Caches):
    """Asks the model each time, and uses the first answer."""

    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        denoised = denoise(x, sigma)
        if sigma not in self.answers or self.answers[sigma].shape != x.shape:
            self.answers[sigma] = denoised.clone()
        return self.answers[sigma].to(x.dtype).lerp(x, sigma_next / sigma)


def renoised(x: Tensor, sigma: float, sigma_next: float, z: Tensor) -> Tensor:
    """From σ' back to a little more noise than σ' by a fresh draw."""
    return x + 0.1 * sigma_next * z


class IgnoresStart(Good):
    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        if sigma == max(sigma, 9.9):
            x = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype) * sigma
        return euler(denoise, x, sigma, sigma_next)


class PrivateNoise(Good):
    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        z = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
        return renoised(euler(denoise, x, sigma, sigma_next), sigma, sigma_next, z)


class GlobalNoise(Good):
    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        return renoised(euler(denoise, x, sigma, sigma_next), sigma, sigma_next, torch.randn_like(x))


class InPlace(Good):
    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        return x.copy_(euler(denoise, x, sigma, sigma_next))


class Coupled(Good):
    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        return euler(denoise, x, sigma, sigma_next) + 1e-6 * x.mean(0, keepdim=True)


class StopsEarly(Good):
    def __call__(self, denoise: Denoiser, x: Tensor, grid: Levels, noise: Noise) -> Iterator[Tensor]:
        for sigma, sigma_next in pairwise((*grid.sigmas[:-1], grid.sigmas[-2] * 0.999)):
            x = self.step(denoise, x, sigma, sigma_next)
            yield x


class Wrong(Good):
    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        return 1.02 * euler(denoise, x, sigma, sigma_next)


class ImagesOnly(Good):
    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        return denoise(x, sigma)[:, :, :, :].lerp(x, sigma_next / sigma)


class Doubles(Good):
    def step(self, denoise: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        return euler(denoise, x, sigma, sigma_next).double()


@dataclass(frozen=True)
class DeadOption(Good):
    gain: float = 1.0


BAD: list[tuple[type[Sampler], str, str]] = [
    (ClaimsTwo, "weak order (edm)", "it claims order 2 and has order 0.9"),
    (Hungry, "evaluations", "it spends 2 evaluations where it claims 1"),
    (Caches, "state", "keeps the model's answers between calls"),
    (CachesButAsks, "state", "keeps the model's answers between calls"),
    (IgnoresStart, "seed", "it ignores its seed"),
    (PrivateNoise, "noise source", "it ignores its seed and draws from a source of its own"),
    (GlobalNoise, "global generators", "the global generator of torch is drawn from"),
    (InPlace, "input", "is modified in place"),
    (Coupled, "batches", "differ by"),
    (StopsEarly, "levels", "last interval"),
    (Wrong, "law (edm, vector)", "% of the data's size"),
    (ImagesOnly, "shapes", "IndexError"),
    (Doubles, "precision", "yielded torch.float64"),
    (DeadOption, "options", "gain changes nothing"),
]  # fmt: skip


def test_a_good_stranger_passes() -> None:
    found = check_sampler(Good())
    assert not found.failures
    assert {order.kind for order in found.orders} == {"weak", "strong"}


@pytest.mark.parametrize(("bad", "rule", "message"), BAD, ids=[b[0].__name__ for b in BAD])
def test_bad_samplers_are_rejected_by_name(bad: type[Sampler], rule: str, message: str) -> None:
    assert message in fault_found(bad(), rule).measured


def test_a_failed_order_prints_both_numbers_and_the_table() -> None:
    with pytest.raises(AssertionError, match=r"claims order 2 and has order 0\.9\d: 8: .* \(slope 0\.9\d\)"):
        check_sampler(ClaimsTwo)


def test_a_sampler_with_noise_of_its_own_norm_is_estimated() -> None:
    found = list(errors(get("sampler", "pc", norm="sample")))
    assert found
    assert all(error.interval and error.interval[0] < error.w2 < error.interval[1] for error in found)
    assert "superposition" in str(found[0].as_dict()["how"])


@dataclass(frozen=True)
class BentSchedule(EDM):
    name = "bent"

    def time(self, sigma: Any) -> Any:
        return super().time(sigma) * 1.001


@dataclass(frozen=True)
class Steep(EDM):
    name = "steep"

    def dsigma(self, t: Any) -> Any:
        return super().dsigma(t) * 1.001


@dataclass(frozen=True)
class Shrunk(Gaussian):
    """A denoiser that shrinks a little too much."""

    name = "shrunk"

    def denoiser(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        inner = super().denoiser(device)
        return lambda x, sigma: 0.9 * inner(x, sigma)


@dataclass(frozen=True)
class LastBatch(Metric):
    """The mean of the batch that came last."""

    name = "last-batch"

    def start(self, context: Context) -> Accumulator:
        return Last()


class Last(Accumulator):
    value = 0.0

    def update(self, batch: Tensor, index: Tensor) -> None:
        self.value = float(batch.mean())

    def merge(self, other: Any) -> None:
        self.value = other.value

    def state(self) -> dict[str, Any]:
        return {"value": np.array(self.value)}

    def load(self, state: dict[str, Any]) -> None:
        self.value = float(state["value"])

    def compute(self) -> dict[str, float | str | None]:
        return {"last": self.value}


@pytest.mark.parametrize(
    ("check", "plugin", "rule"),
    [
        (check_schedule, BentSchedule(), "time of sigma"),
        (check_schedule, Steep(), "derivatives"),
        (check_model, Shrunk(), "posterior mean"),
        (check_model, Shrunk(), "closed form"),
        (check_metric, LastBatch(), "batch split"),
        (check_metric, LastBatch(), "merge and state"),
    ],
)  # fmt: skip
def test_other_bad_plugins_are_rejected(
    check: Callable[..., Any], plugin: Schedule | Model | Metric, rule: str
) -> None:
    with pytest.raises(AssertionError, match=f"FAIL  {rule}"):
        check(plugin)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["check", *arguments])


def test_command_prints_every_check_and_passes() -> None:
    done = run("ddim", "--set", "eta=1", "--quick")
    assert done.exit_code == 0
    for words in ("eta=1.0", "evaluations: 10 spent on 11 levels", "weak order (edm): order 0.9", "(exact)", "passed"):
        assert words in done.output


def test_boards_show_what_is_declared_to_change_the_law(tmp_path: Path) -> None:
    options = ("--set", "s_noise=0.9,1", "--set", "s_churn=2", "--nfe", "9", "--samples", "16", "--model", "gaussian")
    CliRunner().invoke(app, ["run", "--sampler", "heun", *options, "--results", str(tmp_path)], catch_exceptions=False)
    shown = CliRunner().invoke(app, ["leaderboard", str(tmp_path)]).output
    assert shown.count("changes the law of the samples on purpose") == 1
    assert "heun s_churn=2.0 s_noise=0.9: s_noise changes the law" in shown


def test_the_certificate_says_under_how_many_settings() -> None:
    assert "examined under its own options alone" in run("ddim", "--quick").output


def test_mutants_of_any_sampler_are_counted_and_survivors_listed() -> None:
    done = run("ddim", "--mutants", "4", "--json")
    (score,) = json.loads(done.stdout)
    assert score["unchanged"] + len(score["rejected"]) + len(score["survivors"]) == 4
    own = ("benchbox.samplers.ddim:", "benchbox.sampler:")  # its methods, and the steps that it calls
    assert all(r["by"] and any(module in r["mutant"] for module in own) for r in score["rejected"])


def test_json_has_everything() -> None:
    done = run("euler-maruyama", "vp", "--json", "--quick")
    sampler, schedule = json.loads(done.stdout)
    assert (sampler["kind"], schedule["kind"], sampler["passed"]) == ("sampler", "schedule", True)
    assert set(sampler["checks"][0]) == {"name", "passed", "measured", "expected"}
    order = next(o for o in sampler["orders"] if o["kind"] == "weak")
    assert order["claimed"] == 1
    assert order["measured"] == pytest.approx(1, abs=0.2)
    assert len(order["errors"]) == len(order["intervals"]) >= 4
    assert all(error["how"] == "exact" for error in sampler["errors"])


def test_status_is_1_where_a_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbox.exact.subjects.instances", lambda names, set_: [BentSchedule()])
    done = run("bent")
    assert done.exit_code == 1
    assert "FAIL  time of sigma" in done.output
    assert "1 failed" in done.output


def test_mistakes_are_one_sentence() -> None:
    for arguments, words in (((), "needs a plugin"), (("heum",), "heun"), (("heun", "--set", "churn=1"), "s_churn")):
        done = run(*arguments)
        assert isinstance(done.exception, Exception)
        assert words in str(done.exception)


def test_certify_takes_names_classes_and_instances() -> None:
    assert benchbox.certify("vp").kind == "schedule"
    assert benchbox.certify(EDM, sigma_min=0.01).options["sigma_min"] == 0.01
    assert benchbox.certify(get("model", "gaussian")).passed
    with pytest.raises(benchbox.errors.UsageError, match="can be certified"):
        benchbox.certify(3)
