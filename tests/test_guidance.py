"""Guidance: identities in float64, what it costs, and how it is asked for and written down."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from sweeping import measure
from torch import Tensor

import benchbox
from benchbox.bench.budget import with_budget
from benchbox.bench.rerun import rebuild
from benchbox.bench.row import checked_row, cost_columns
from benchbox.bench.run import Run
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import Request, expand
from benchbox.cli.main import app
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.grid import Levels
from benchbox.guidance import NO_LIMIT, Denoise, Guidance
from benchbox.guidances.cfg import CFG
from benchbox.metrics.class_accuracy import ClassAccuracyAccumulator
from benchbox.models.bundled import WEIGHTS
from benchbox.noise import Noise
from benchbox.report.plots.quality import series
from benchbox.report.ranking import boards
from benchbox.store.store import Store

CPU = torch.device("cpu")
SIGMAS = (0.02, 0.3, 1.7, 12.0)
LEVELS = Levels.cut(benchbox.get("schedule", "edm"), benchbox.get("grid", "karras"), 6)
INTERVAL = {"sigma_low": 0.19, "sigma_high": 1.61}


def denoiser(name: str = "mixture", n: int = 12, **options: Any) -> Denoiser:
    """A float64 denoiser asked for the classes of n samples in turn."""
    made = Denoiser(benchbox.get("model", name, **options).conditioned(), CPU, torch.float64)
    made.at(torch.arange(n))
    return made


def states(n: int = 12, shape: tuple[int, ...] = (2,)) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def cfg(**options: Any) -> Any:
    return benchbox.get("guidance", "cfg", **options)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_cfg_at_scale_1_is_the_conditional_denoiser_and_at_0_the_unconditional_one(sigma: float) -> None:
    denoise, x = denoiser(), 4 * states()
    conditional, unconditional = denoise(x, sigma), denoise.unconditional(x, sigma)
    assert (conditional - unconditional).abs().max() > 1e-3
    torch.testing.assert_close(cfg(scale=1.0)(denoise, LEVELS)(x, sigma), conditional, rtol=0, atol=1e-12)
    torch.testing.assert_close(cfg(scale=0.0)(denoise, LEVELS)(x, sigma), unconditional, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.5, 3.0, -0.5])
def test_cfg_is_the_same_combination_of_noises_of_scores_and_of_velocities(scale: float) -> None:
    denoise, x, sigma = denoiser(), 3 * states(), 1.3
    d_c, d_u = denoise.both(x, sigma)
    eps = (x - d_u) / sigma + scale * ((d_u - d_c) / sigma)
    score = (d_u - x) / sigma**2 + scale * ((d_c - d_u) / sigma**2)
    s = 1 / math.sqrt(1 + sigma**2)  # of a variance-preserving schedule, where D = s² x − s σ v
    v_c, v_u = ((s**2 * x - d) / (s * sigma) for d in (d_c, d_u))
    v = v_u + scale * (v_c - v_u)
    found = cfg(scale=scale)(denoise, LEVELS)(x, sigma)
    torch.testing.assert_close(found, x - sigma * eps, rtol=0, atol=1e-10)
    torch.testing.assert_close(found, x + sigma**2 * score, rtol=0, atol=1e-10)
    torch.testing.assert_close(found, s**2 * x - s * sigma * v, rtol=0, atol=1e-10)


def test_cfg_of_gaussian_classes_of_one_width_is_that_of_a_gaussian_whose_mean_is_moved() -> None:
    """The second class has next to no weight, so that without a condition there is the first alone."""
    options = {"dim": 1, "means": (-1.0, 2.0), "stds": (0.5, 0.5), "weights": (1.0, 1e-300), "label": (1,)}
    denoise = Denoiser(benchbox.get("model", "mixture", **options), CPU)
    denoise.at(torch.arange(5))
    x, sigma, s = states(5, (1,)), 0.7, 2.5
    mean = -1.0 + s * (2.0 - -1.0)  # m_u + s (m_c − m_u)
    exact = mean + 0.25 / (0.25 + sigma**2) * (x - mean)
    torch.testing.assert_close(cfg(scale=s)(denoise, LEVELS)(x, sigma), exact, rtol=0, atol=1e-12)


def test_outside_of_its_interval_cfg_is_the_conditional_denoiser_at_the_cost_of_one_evaluation() -> None:
    denoise, x = denoiser(), states()
    guide = cfg(scale=4.0, **INTERVAL)
    for sigma, cost in ((0.19, 1), (0.2, 2), (1.61, 2), (1.62, 1)):
        before = denoise.rows
        found = guide(denoise, LEVELS)(x, sigma)
        assert guide.cost(sigma) == cost == (denoise.rows - before) / len(x)
        assert torch.equal(found, denoise(x, sigma)) == (cost == 1)


def test_rescale_1_gives_each_sample_the_spread_of_the_conditional_one() -> None:
    denoise, x = denoiser(), states()
    d_c, d_u = denoise.both(x, 1.0)
    plain = d_u + 3.0 * (d_c - d_u)
    exact = plain * d_c.std(1, keepdim=True) / plain.std(1, keepdim=True)
    torch.testing.assert_close(cfg(scale=3.0, rescale=1.0)(denoise, LEVELS)(x, 1.0), exact, rtol=0, atol=1e-12)
    half = cfg(scale=3.0, rescale=0.5)(denoise, LEVELS)(x, 1.0)
    torch.testing.assert_close(half, (plain + exact) / 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["mnist-edm", "mnist-ddpm"])
def test_a_network_trained_with_dropped_labels_is_asked_with_and_without_in_one_doubled_call(name: str) -> None:
    denoise, x = denoiser(name, 2), states(2, (1, 28, 28))
    d_c, d_u = denoise.both(x, 1.0)
    assert denoise.rows == 4
    torch.testing.assert_close(d_c, denoise(x, 1.0), rtol=0, atol=1e-10)
    torch.testing.assert_close(d_u, denoise.under(x, 1.0, {}), rtol=0, atol=1e-10)  # no label at all
    assert (d_c - d_u).abs().max() > 1e-3


class TestConditions:
    def test_label_asks_for_classes_in_turn(self) -> None:
        model = benchbox.get("model", "mnist-edm", label="3:5")
        assert model.conditions(torch.arange(5))["label"].tolist() == [3, 5, 3, 5, 3]
        usual = benchbox.get("model", "mnist-edm")
        assert usual.classes == 10
        assert usual.conditions(torch.arange(12))["label"].tolist()[-2:] == [0, 1]

    def test_a_label_that_is_no_class_is_refused(self) -> None:
        with pytest.raises(UsageError, match="label=10 is not a class: the classes are 0 to 9"):
            benchbox.get("model", "mnist-edm", label=(10,))
        with pytest.raises(UsageError, match="no classes"):
            benchbox.get("model", "mnist-ncsn", label=(1,))

    def test_the_classes_of_the_mixture_are_its_modes_or_groups_of_them(self) -> None:
        model = benchbox.get("model", "mixture", groups=(0, 1, 0, 1), label=(1,))
        assert model.classes == 2
        modes = benchbox.get("model", "mixture", dim=2, means=(3.0, 3.0, 0.0, 6.0), weights=(0.3, 0.1), stds=(0.3, 0.2))
        x = 3 * states()
        mine = model.denoiser(CPU)(x, 1.2, **model.conditions(torch.arange(len(x))))
        torch.testing.assert_close(mine, modes.denoiser(CPU)(x, 1.2), rtol=0, atol=1e-12)
        draws = model.draw(400, 0)
        assert draws[:, 0].min() > -2  # none of the mode at (−4, 0)

    def test_the_classifier_of_the_mixture_is_the_ratio_of_its_densities(self) -> None:
        """Σ p(c | x) = 1, and ∇ log p(c | x) is the difference of the two scores."""
        model, x, sigma = benchbox.get("model", "mixture", groups=(0, 1, 1, 0)), 3 * states(), 0.9
        x.requires_grad_()
        log_p = model.classifier(CPU)(x, sigma)
        torch.testing.assert_close(log_p.exp().sum(1), torch.ones(len(x), dtype=torch.float64))
        label = torch.arange(len(x)) % 2
        (gradient,) = torch.autograd.grad(log_p.gather(1, label[:, None]).sum(), x)
        denoise = model.denoiser(CPU)
        scores = (denoise(x, sigma, label) - denoise(x, sigma)) / sigma**2
        torch.testing.assert_close(gradient, scores.detach(), rtol=0, atol=1e-11)

    def test_an_unguided_run_and_its_row_are_what_they_were_before_there_were_labels(self) -> None:
        (cell,) = expand(Request(["heun"], [18], models=["mixture"]))
        assert not cell.model.conditions(torch.arange(3))
        assert "label" not in json.loads(cell.identity["model_options"])
        assert cell.identity["guidance"] is None
        (guided_cell,) = expand(Request(["heun"], [18], models=["mixture"], guidances=["cfg"]))
        assert json.loads(guided_cell.identity["model_options"])["label"] == [0, 1, 2, 3]

    @pytest.mark.parametrize(("model", "says"), [("gaussian", "has none"), ("mnist-ncsn", "has none")])
    def test_a_model_without_a_condition_is_refused_before_any_work(self, model: str, says: str) -> None:
        with pytest.raises(UsageError, match=says):
            expand(Request(["heun"], [18], models=[model], guidances=["cfg"]))


class TestClassifier:
    @pytest.mark.parametrize("sigma", SIGMAS)
    def test_with_the_exact_classifier_scale_1_is_the_conditional_denoiser(self, sigma: float) -> None:
        denoise, x = denoiser(groups=(0, 1, 1, 0)), 4 * states()
        found = benchbox.get("guidance", "classifier")(denoise, LEVELS)(x, sigma)
        torch.testing.assert_close(found, denoise(x, sigma), rtol=0, atol=1e-12)

    def test_it_is_cfg_at_the_same_scale(self) -> None:
        denoise, x = denoiser(), 4 * states()
        found = benchbox.get("guidance", "classifier", scale=2.5)(denoise, LEVELS)(x, 1.1)
        torch.testing.assert_close(found, cfg(scale=2.5)(denoise, LEVELS)(x, 1.1), rtol=0, atol=1e-11)

    def test_a_guided_evaluation_is_one_of_each_network_and_a_backward(self) -> None:
        denoise, x = denoiser(), states()
        with torch.inference_mode():
            benchbox.get("guidance", "classifier")(denoise, LEVELS)(x, 1.1)
        assert (denoise.rows, denoise.guide_rows, denoise.backward_rows) == (len(x), len(x), len(x))

    def test_a_model_without_a_classifier_is_refused(self) -> None:
        with pytest.raises(UsageError, match="model mnist-edm has none"):
            expand(Request(["heun"], [18], models=[str(WEIGHTS / "mnist-edm.json")], guidances=["classifier"]))


class TestAutoguidance:
    def test_it_goes_away_from_the_guide_asked_for_the_same_classes(self) -> None:
        denoise, x = denoiser(), 4 * states()
        found = benchbox.get("guidance", "autoguidance", guide=BAD, scale=2.5)(denoise, LEVELS)(x, 1.1)
        bad = BAD.denoiser(CPU)(x, 1.1, label=torch.arange(12) % 4)
        torch.testing.assert_close(found, bad + 2.5 * (denoise(x, 1.1) - bad), rtol=0, atol=1e-12)
        assert (denoise.guide_rows, denoise.rows) == (12, 24)  # one of them for the comparison

    def test_the_guide_is_named_as_a_model_is_and_belongs_to_the_stream(self, tmp_path: Path) -> None:
        settings = [Setting("autoguidance", "guide", ["mnist-ddpm", "mnist-edm"])]
        one, other = expand(Request(["heun"], [18], guidances=["autoguidance"], settings=settings))
        assert json.loads(one.identity["guidance_options"])["guide"] == {"name": "mnist-ddpm"}
        assert one.stream != other.stream
        row = one.identity | {"nfe_requested": 18, "nfe_policy": "floor", "n_samples": 1000, "batch_size": 64}
        assert rebuild(row | {"cell": one.id, "dataset": "mnist"}).stream == one.stream

    def test_a_guide_of_another_shape_is_refused(self) -> None:
        settings = [Setting("autoguidance", "guide", ["gaussian"])]
        with pytest.raises(UsageError, match="they must be the same"):
            expand(Request(["heun"], [18], guidances=["autoguidance"], settings=settings))

    def test_both_networks_are_counted_apart_and_nfe_is_their_sum(self) -> None:
        guidance = benchbox.get("guidance", "autoguidance", guide=BAD)
        (cell,) = expand(Request(["heun"], [10], models=["mixture"], guidances=[guidance], metrics=[], n_samples=4))
        run = Run(cell)
        list(run.samples())
        row = cost_columns({"counts": run.counts(), "costs": run.costs()})
        assert (row["nfe"], row["nfe_guides"], row["denoiser_calls"], row["nfe_max"]) == (10, 5, 5, 10)


BAD = benchbox.get("model", "mixture", stds=(1.0, 0.8, 1.3, 0.7))


class TestRuns:
    def test_a_budget_counts_the_network_or_on_request_the_denoiser(self) -> None:
        request = Request(["ddim"], [20], models=["mixture"], guidances=["cfg"])
        (cell,) = expand(request)
        assert (cell.nfe_planned, cell.calls_planned) == (20, 10)
        (other,) = expand(replace(request, nfe_of="denoiser"))
        assert (other.nfe_planned, other.calls_planned) == (40, 20)
        assert other.id != cell.id

    def test_every_scale_is_a_cell_and_none_is_no_guidance(self) -> None:
        settings = [Setting("cfg", "scale", ["1", "3"])]
        found = expand(Request(["heun"], [20], models=["mixture"], guidances=["none", "cfg"], settings=settings))
        assert [cell.guidance and cell.guidance.scale for cell in found] == [None, 1.0, 3.0]  # type: ignore[attr-defined]
        assert len({cell.stream for cell in found}) == 3

    def test_a_call_from_python_takes_a_name_or_an_instance(self) -> None:
        how: dict[str, Any] = {"model": "mixture", "n": 5, "dtype": "float64"}
        plain = benchbox.sample("heun", nfe=11, label=(0, 1, 2, 3), **how)
        named = benchbox.sample("heun", nfe=22, guidance="cfg", scale=1.0, **how)
        given = benchbox.sample("heun", nfe=22, guidance=cfg(scale=1.0), **how)
        torch.testing.assert_close(named, plain, rtol=0, atol=1e-12)
        assert torch.equal(named, given)

    def test_the_samples_do_not_depend_on_the_batch(self) -> None:
        how: dict[str, Any] = {"model": "mixture", "n": 40, "dtype": "float64", "guidance": "cfg", "scale": 3.0}
        one, other = (benchbox.sample("ancestral", nfe=20, batch_size=size, **how) for size in (40, 16))
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@dataclass(frozen=True)
class Undercounted(Guidance):
    """It says that it costs one evaluation and takes two."""

    name: ClassVar[str] = "cfg"

    def __call__(self, denoise: Denoiser, levels: Levels) -> Any:
        return lambda x, sigma: denoise.both(x, sigma)[0]

    def cost(self, sigma: float) -> int:
        return 1


class TestRows:
    def row(self, tmp_path: Path, *words: str) -> dict[str, Any]:
        command = ["--model", "mixture", "--samples", "20", "--metric", "none", "--results", str(tmp_path)]
        with pytest.raises(SystemExit) as ended:
            app(["run", "--sampler", "heun", *command, *words], standalone_mode=False)
        assert ended.value.code == 0
        (row,) = Store(tmp_path).table().to_pylist()
        return dict(row)

    def test_an_option_that_cannot_be_evaluated_is_said_of_the_guidance(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"guidance cfg cannot evaluate model mixture with scale=1e\+308"):
            self.row(tmp_path, "--nfe", "4", "--guidance", "cfg", "--set", "cfg.scale=1e308")

    def test_a_guidance_that_is_not_the_first_is_evaluated_before_the_first_cell(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"guidance cfg cannot evaluate model mixture with scale=1e\+308"):
            self.row(tmp_path, "--nfe", "4", "--guidance", "none,cfg", "--set", "cfg.scale=3,1e308")
        assert not Store(tmp_path).table().num_rows

    def test_a_row_says_the_guidance_its_options_and_both_counts(self, tmp_path: Path) -> None:
        row = self.row(tmp_path, "--nfe", "15", "--guidance", "cfg", "--set", "cfg.scale=3")
        assert (row["guidance"], json.loads(row["guidance_options"])["scale"]) == ("cfg", 3.0)
        assert (row["guidance_package"], row["nfe_of"]) == ("benchbox-diffusion", "network")
        assert (row["nfe"], row["denoiser_calls"], row["nfe_guides"]) == (14, 7, 0)

    def test_a_budget_of_the_denoiser_may_cost_the_network_more_and_is_not_dishonest(self, tmp_path: Path) -> None:
        row = self.row(tmp_path, "--nfe", "7", "--nfe-of", "denoiser", "--guidance", "cfg")
        assert (row["status"], row["nfe_of"], row["nfe"], row["denoiser_calls"]) == ("done", "denoiser", 14, 7)

    def test_an_unguided_row_has_as_many_calls_as_evaluations(self, tmp_path: Path) -> None:
        row = self.row(tmp_path, "--nfe", "7")
        assert row["denoiser_calls"] == row["nfe"] == 7
        assert (row["guidance"], row["guidance_options"], row["nfe_of"]) == (None, None, None)

    def test_a_guided_row_is_rerun_as_it_was(self, tmp_path: Path) -> None:
        options = ("--set", "cfg.scale=3", "--set", "sigma_high=5")
        row = self.row(tmp_path, "--nfe", "15", "--guidance", "cfg", *options)
        assert rebuild(row).id == row["cell"]

    def test_a_guidance_that_takes_more_than_it_says_is_dishonest(self) -> None:
        (cell,) = expand(Request(["heun"], [9], models=["mixture"], guidances=[cfg()], metrics=[], n_samples=4))
        run = Run(with_budget(replace(cell, guidance=Undercounted()), 9))
        list(run.samples())
        said = {"counts": run.counts(), "costs": run.costs()}
        assert (
            checked_row(cost_columns(said) | {"status": "done", "reason": None, "nfe_requested": 9})["status"]
            == "dishonest"
        )


class Moving(CFG):
    continuous_limit = False


def test_a_target_that_moves_with_the_steps_is_marked_and_no_curve_is_drawn_through_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    for guidance in (cfg(), Moving(2.0)):
        request = Request(["heun"], [10, 20], models=["mixture"], guidances=[guidance], n_samples=20)
        made = [measure(cell) for cell in expand(request)]
        for row in made:
            store.put(row)
        assert [NO_LIMIT in str(row["reason"]) for row in made] == [not guidance.continuous_limit] * 2
        found = series(boards(benchbox.load_results(str(tmp_path))))
        assert [len(group) for group in found] == ([2] if guidance.continuous_limit else [2, 1, 1])


class TestClassAccuracy:
    def test_exact_draws_of_separated_modes_are_of_their_classes_and_swapped_ones_are_not(self) -> None:
        model = benchbox.get("model", "mixture", label=(0, 1))
        accumulator = ClassAccuracyAccumulator(model, lambda x: model.classifier(CPU)(x, 1e-3))
        means = torch.tensor([[-4.0, 0.0], [3.0, 3.0]])
        accumulator.update(means.repeat(5, 1), torch.arange(10))
        assert accumulator.compute() == {"class_accuracy": 1.0, "class_accuracy_se": 0.0}
        accumulator.update(means.flip(0), torch.arange(10, 12))
        assert accumulator.compute()["class_accuracy"] == pytest.approx(10 / 12)

    def test_it_rises_with_the_scale_where_classes_overlap(self) -> None:
        options = {"dim": 1, "means": (-0.5, 0.5), "stds": (1.0, 1.0), "weights": (1.0, 1.0)}
        found = []
        for scale in (0.0, 1.0, 4.0):
            how: dict[str, Any] = {"model": "mixture", "nfe": 40, "n": 200, "batch_size": 200, **options}
            x = benchbox.sample("heun", guidance="cfg", scale=scale, **how)
            model = benchbox.get("model", "mixture", label=(0, 1), **options)
            accumulator = ClassAccuracyAccumulator(model, lambda x, m=model: m.classifier(CPU)(x, 1e-3))
            accumulator.update(x, torch.arange(200))
            found.append(accumulator.compute()["class_accuracy"])
        assert found[0] < found[1] < found[2]

    def test_a_model_asked_for_no_class_is_refused(self) -> None:
        metric = benchbox.get("metric", "class_accuracy")
        with pytest.raises(UsageError, match=r"model gaussian makes none\.$"):
            metric.check_problem(None, benchbox.get("model", "gaussian"))
        with pytest.raises(UsageError, match=r"mixture makes none unless it is asked for classes: add --set label=0:1"):
            metric.check_problem(None, benchbox.get("model", "mixture"))


class TestFewSteps:
    """A few steps of Heun under cfg miss the classes: the method's own error, as more steps and ddim show."""

    @staticmethod
    def heun_by_hand(x: np.ndarray[Any, Any], sigmas: tuple[float, ...], scale: float) -> np.ndarray[Any, Any]:
        """Algorithm 1 of EDM with a last denoise, on the formulas of the mixture, with no code of benchbox."""
        m, w = np.array([[-4.0, 0.0], [3.0, 3.0], [4.0, -3.0], [0.0, 6.0]]), np.array([0.4, 0.3, 0.2, 0.1])
        v, own = np.square([0.5, 0.3, 0.8, 0.2]), np.arange(len(x)) % 4

        def denoise(x: np.ndarray[Any, Any], sigma: float) -> np.ndarray[Any, Any]:
            away, total = x[:, None] - m, v + sigma**2
            modes = m + (v / total)[:, None] * away
            log_r = np.log(w / total) - 0.5 * np.square(away).sum(2) / total
            r = np.exp(log_r - log_r.max(1, keepdims=True))
            d_u = ((r / r.sum(1, keepdims=True))[:, :, None] * modes).sum(1)
            return np.asarray(d_u + scale * (modes[np.arange(len(x)), own] - d_u))

        for sigma, sigma_next in pairwise(sigmas):
            d = (x - denoise(x, sigma)) / sigma
            euler = x + (sigma_next - sigma) * d
            x = x + (sigma_next - sigma) * (d + (euler - denoise(euler, sigma_next)) / sigma_next) / 2
        return denoise(x, sigmas[-1])

    @pytest.mark.parametrize("nfe", [20, 100])
    def test_heun_under_cfg_is_that_written_by_hand(self, nfe: int) -> None:
        (cell,) = expand(Request(["heun"], [nfe], models=["mixture"], guidances=[cfg(scale=3.0)], n_samples=40))
        noise = Noise(0, 0, 40, (2,), dtype=torch.float64)
        exact = self.heun_by_hand((noise(1.0, 1.0) * cell.levels.start_std).numpy(), cell.levels.sigmas, 3.0)
        found = benchbox.sample("heun", model="mixture", nfe=nfe, n=40, guidance=cfg(scale=3.0), dtype="float64")
        np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize(
        ("name", "nfe", "low", "high"), [("heun", 20, 0.0, 0.3), ("heun", 100, 1, 1), ("ddim", 20, 1, 1)]
    )
    def test_more_steps_or_steps_of_first_order_reach_the_classes(
        self, name: str, nfe: int, low: float, high: float
    ) -> None:
        x = benchbox.sample(name, model="mixture", nfe=nfe, n=200, guidance="cfg", scale=3.0, dtype="float64")
        log_p = benchbox.get("model", "mixture").classifier(CPU)(x, 1e-3)
        assert low <= float((log_p.argmax(1) == torch.arange(200) % 4).double().mean()) <= high


@dataclass(frozen=True)
class Doubled(Guidance):
    """A guidance of the reader's own, which no package offers: twice the step of cfg from the unconditional one."""

    name = "doubled"
    scale: float = 2.0

    def __call__(self, denoise: Denoiser, levels: Levels) -> Denoise:
        def guided(x: Tensor, sigma: float) -> Tensor:
            conditional, unconditional = denoise.both(x, sigma)
            return unconditional + self.scale * (conditional - unconditional)

        return guided

    def cost(self, sigma: float) -> int:
        return 2


def test_an_instance_of_a_class_that_no_package_offers_guides() -> None:
    how: dict[str, Any] = {"model": "mixture", "nfe": 8, "n": 4, "dtype": "float64"}
    own = benchbox.sample("ddim", guidance=Doubled(), **how)
    assert torch.allclose(own, benchbox.sample("ddim", guidance="cfg", scale=2.0, **how), rtol=0, atol=1e-12)
