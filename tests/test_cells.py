"""Cells: budgets, counting, statuses, and what a sample and a row depend on."""

from __future__ import annotations

import dataclasses
import math
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Install, Watcher
from sweeping import measure, run_cells

import benchbox
from benchbox.bench import meter
from benchbox.bench.cell import Cell
from benchbox.bench.run import make_samples
from benchbox.bench.settings import Setting
from benchbox.bench.shard_result import ShardResult
from benchbox.bench.sweep import Request, expand
from benchbox.bench.task import ComputeMetrics
from benchbox.cli.run import run as run_command
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.executors.local import Local
from benchbox.noise import BLOCK
from benchbox.registry import Offer, registry
from benchbox.store.store import Store


@pytest.fixture(autouse=True)
def _oddities(installed: Install) -> None:
    installed("oddities", "oddities", None)


def cells(samplers: str, *nfe: int, model: str = "gaussian", **request: Any) -> list[Cell]:
    settings = [Setting(*k.rpartition(".")[::2], [v]) for k, v in request.pop("options", {}).items()]
    for setting in settings:
        setting.prefix = setting.prefix or None
    request = {"n_samples": 20, "batch_size": 8, **request}
    return expand(Request(samplers.split(","), nfe, [model], settings=settings, **request))


def row(sampler: str, nfe: int | None = 9, timeout: float | None = None, **request: Any) -> dict[str, Any]:
    (cell,) = cells(sampler, *([] if nfe is None else [nfe]), **request)
    return measure(cell, timeout=timeout)


# budgets


@pytest.mark.parametrize(
    ("sampler", "options", "nfe", "steps", "spent"),
    [
        ("ddim", {}, 18, 17, 18),
        ("heun", {}, 18, 8, 17),
        ("heun", {}, 2, 0, 1),
        ("pc", {"corrector_steps": 3}, 18, 4, 17),
        ("pc", {"predictor": "heun"}, 18, 5, 16),
        ("ode", {"method": "rk4"}, 18, 4, 17),
        ("annealed-langevin", {}, 18, 2, 16),
        ("annealed-langevin", {"steps_per_level": 2}, 3, 0, 3),
    ],
)
def test_a_budget_is_spent_as_far_as_it_goes_and_never_exceeded(
    sampler: str, options: dict[str, Any], nfe: int, steps: int, spent: int
) -> None:
    found = row(sampler, nfe, options=options)
    assert (found["status"], found["steps"], found["nfe"], found["nfe_max"]) == ("done", steps, spent, spent)
    assert found["nfe_requested"] == nfe


def test_without_the_last_denoise_its_evaluation_goes_to_the_sampler() -> None:
    found = row("heun", 18, final="none")
    assert (found["steps"], found["nfe"]) == (9, 18)


@pytest.mark.parametrize(
    ("sampler", "nfe", "final", "least"),
    [
        ("annealed-langevin", 5, "denoise", 6),
        ("annealed-langevin", 4, "none", 5),
        ("annealed-langevin", 1, "denoise", 6),
        ("ddim", 0, "denoise", 1),
    ],
)
def test_a_budget_that_buys_nothing_is_skipped_and_names_the_least(
    sampler: str, nfe: int, final: str, least: int
) -> None:
    found = row(sampler, nfe, final=final)
    assert found["status"] == "skipped"
    assert found["reason"] == f"an NFE of {nfe} is too small: the smallest is {least}"
    assert row(sampler, least, final=final)["status"] == "done"


def test_one_evaluation_denoises_the_start() -> None:
    (cell,) = cells("heun", 1, dtype="float64")
    gaussian, level = benchbox.get("model", "gaussian"), cell.levels.sigmas[0]
    start = make_samples(dataclasses.replace(cell, final="none"))
    assert torch.equal(make_samples(cell), gaussian.denoiser("cpu")(start, level))


@pytest.mark.parametrize(("policy", "statuses"), [("floor", ["done", "done"]), ("skip", ["done", "skipped"])])
def test_the_policies_for_a_budget_that_is_not_met_exactly(policy: str, statuses: list[str]) -> None:
    rows = [measure(cell) for cell in cells("heun", 17, 18, nfe_policy=policy)]
    assert [r["status"] for r in rows] == statuses
    assert rows[1]["nfe_policy"] == policy


def test_the_policy_exact_refuses_before_any_work_and_says_what_fits() -> None:
    with pytest.raises(UsageError, match=r"exactly 18 evaluations: it spends 17 or 19"):
        cells("heun", 17, 18, nfe_policy="exact")


def test_a_cell_skipped_by_policy_runs_when_the_policy_allows_it(tmp_path: Path) -> None:
    def go(policy: str) -> tuple[list[str], list[str]]:
        watcher = Watcher()
        rows = run_cells(cells("heun", 18, nfe_policy=policy), Store(tmp_path), Local(isolate=False), watcher)
        return [r["status"] for r in rows], watcher.todo

    assert go("skip") == (["skipped"], ["run"])
    assert go("skip") == (["skipped"], ["done"])
    assert go("floor") == (["done"], ["run"])
    assert go("skip") == (["skipped"], ["done"])
    assert Store(tmp_path).get(cells("heun", 18)[0].id)["status"] == "done"  # type: ignore[index]


def test_a_budget_for_which_a_packages_grid_fails_is_skipped_with_the_reason() -> None:
    few, many = (measure(cell) for cell in cells("heun", 5, 17, grids=["breaks-below-five"]))
    assert (few["status"], many["status"]) == ("skipped", "done")
    assert few["reason"] == "grid breaks-below-five gives no 3 levels: ValueError: 3 levels"


def test_a_sampler_with_a_fixed_cost_needs_a_budget() -> None:
    with pytest.raises(UsageError, match="ddim needs a budget: give --nfe"):
        cells("ddim")


def test_intervals_that_cost_nothing_are_refused_rather_than_searched_for_ever() -> None:
    with pytest.raises(UsageError, match="an interval costs no evaluation"):
        cells("liar", 5, options={"free": True})


def test_an_adaptive_sampler_runs_once_and_its_evaluations_are_measured() -> None:
    both = cells("ode", 5, 10, options={"method": "dopri5"})
    assert [c.nfe_requested for c in both] == [None]
    found = measure(both[0])
    assert found["status"] == "done"
    assert found["nfe_requested"] is None
    assert found["nfe_max"] >= found["nfe"] > 10


# counting


def test_evaluations_are_counted_at_the_model_not_taken_from_the_claim() -> None:
    assert row("thrifty", 9)["nfe"] == 5  # 4 intervals of 1, and the last denoise
    assert row("twice", 9)["nfe"] == 9  # 4 intervals in which the network is asked twice


def test_a_sampler_that_spends_more_than_its_budget_is_dishonest() -> None:
    found = row("liar", 9)
    assert found["status"] == "dishonest"
    assert found["reason"] == "17 evaluations were spent of a budget of 9"
    assert found["nfe"] == 17


def test_a_backward_is_counted_beside_its_evaluation() -> None:
    assert row("ddim", 9)["status"] == "done"  # so that the model was loaded under inference mode
    found = row("gradient", 9)
    assert (found["status"], found["nfe"], found["n_backward"]) == ("done", 9, 8)


def test_the_warm_up_is_neither_counted_nor_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which only the sampler's sleep takes time."""
    clock = [100.0]
    monkeypatch.setattr(meter, "time", SimpleNamespace(perf_counter=lambda: clock[0], process_time=lambda: 0.0))
    monkeypatch.setattr("oddities.time", SimpleNamespace(sleep=lambda s: clock.append(clock.pop() + s)))
    found = row("slow", 4, n_samples=8)
    assert found["nfe"] == 4
    assert found["wall_s"] == pytest.approx(3 * 0.02)


def test_levels_outside_the_range_of_a_network_are_clamped_and_counted() -> None:
    inside = row("ddim", 5, model="half", metrics=[], n_samples=4)
    assert (inside["status"], inside["clamped"]) == ("done", 0)
    outside = row("ddim", 5, model="half", metrics=[], n_samples=4, schedules=["ve"], grids=["logsnr"])
    vp, ve = benchbox.get("schedule", "vp"), cells("ddim", 5, schedules=["ve"], grids=["logsnr"])[0].levels.sigmas
    beyond = sum(not vp.sigma(vp.t_min) <= sigma <= vp.sigma(vp.t_max) for sigma in ve)
    assert beyond > 0
    assert outside["clamped"] == 4 * beyond


def test_what_cannot_be_measured_on_a_cpu_is_null_not_zero() -> None:
    found = row("ddim")
    for column in ("gpu_mem_peak_mb", "gpu_mem_reserved_mb", "energy_j", "cuda"):
        assert found[column] is None
    assert found["rss_peak_mb"] > 10


def test_the_time_in_the_model_is_part_of_the_time_of_the_run() -> None:
    found = row("ddim", 30)
    assert 0 < found["model_s"] < found["wall_s"]
    assert found["overhead"] == pytest.approx(found["wall_s"] / found["model_s"] - 1)
    assert found["samples_per_s"] == pytest.approx(20 / found["wall_s"])


# statuses


@pytest.mark.parametrize(
    ("sampler", "options", "status", "reason"),
    [
        ("raises", {}, "failed", "RuntimeError: the middle"),
        ("raises", {"exits": True}, "failed", "SystemExit: 7"),
        ("out-of-memory", {}, "oom", "OutOfMemoryError: tried to allocate 80 GiB"),
        ("diverges", {}, "diverged", "samples 0 to 7 are not all finite"),
        ("short", {}, "failed", "SamplerError: short yielded 1 times on 8 intervals: it must once per interval"),
        ("short", {"shape": True}, "failed", "SamplerError: short yielded torch.float32 (8, 1)"),
    ],
)
def test_what_goes_wrong_is_a_status_with_a_reason(
    sampler: str, options: dict[str, Any], status: str, reason: str
) -> None:
    found = row(sampler, options=options)
    assert found["status"] == status
    assert found["reason"].startswith(reason)
    assert "\n" not in found["reason"]
    assert "w2" not in found


def test_a_model_that_raises_in_the_middle_fails_its_cell() -> None:
    found = row("ddim", model="breaks")
    assert found["status"] == "failed"
    assert found["reason"].startswith("ValueError: no network at")


def test_a_model_that_is_not_finite_diverges() -> None:
    assert row("ddim", model="breaks", options={"how": "inf"})["status"] == "diverged"


@pytest.mark.parametrize("method", ["dopri5", "scipy_solver"])
def test_a_model_that_is_not_finite_diverges_under_an_adaptive_solver_too(method: str) -> None:
    """Whatever the solver makes of it: torchdiffeq asserts that its step did not underflow, scipy gives up."""
    found = row("ode", None, model="breaks", options={"how": "inf", "ode.method": method})
    assert (found["status"], found["reason"]) == ("diverged", "samples 0 to 15 are not all finite")


@pytest.mark.parametrize("method", ["dopri5", "scipy_solver"])
def test_the_timeout_holds_inside_one_long_call(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """An adaptive solver yields nothing before its end; the limit holds at its evaluations, here each of one second."""
    asked, call = [0], Denoiser.__call__

    def counted(denoise: Denoiser, x: torch.Tensor, sigma: float) -> torch.Tensor:
        asked[0] += 1
        return call(denoise, x, sigma)

    monkeypatch.setattr(Denoiser, "__call__", counted)
    monkeypatch.setattr("benchbox.stopping.monotonic", lambda: asked[0])
    found = row("ode", None, timeout=20, dtype="float64", options={"ode.method": method, "rtol": 1e-13, "atol": 1e-13})
    assert (found["status"], found["reason"]) == ("timeout", "it ran longer than 20 s")
    assert asked[0] == 21


def test_the_timeout_holds_in_the_evaluations_of_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    (cell,) = cells("ddim", 3, model="mixture")
    task = ComputeMetrics(cell, {"w2": benchbox.get("metric", "w2")}, timeout=0.0)
    asks = SimpleNamespace(compute=lambda: task.context().denoiser(torch.zeros(1, *cell.model.shape), 1.0))
    monkeypatch.setattr(ComputeMetrics, "accumulators", lambda *_: {"w2": asks})
    said = task(ShardResult({}, {})).report
    assert (said["status"], said["reason"]) == ("timeout", "it ran longer than 0 s")


def test_a_cell_may_not_run_longer_than_the_timeout() -> None:
    found = row("slow", 200, timeout=0.1)
    assert (found["status"], found["reason"]) == ("timeout", "it ran longer than 0.1 s")
    assert found["nfe"] < 200


@pytest.mark.parametrize(
    ("options", "status", "value"),
    [
        ({"value": "number"}, "done", 20.0),
        ({"value": "text"}, "done", "words"),
        ({"value": "none"}, "done", None),
        ({"value": "nan"}, "done", None),
        ({"value": "list"}, "failed", None),
        ({"value": "raises"}, "failed", None),
    ],
)
def test_a_metric_gives_numbers_or_text_and_its_failure_is_the_cells(
    options: dict[str, Any], status: str, value: Any
) -> None:
    found = row("ddim", metrics=["gives"], options=options)
    assert (found["status"], found.get("given")) == (status, value)
    assert (found["reason"] is None) == (options["value"] in {"number", "text", "none"})


def test_a_metric_cannot_overwrite_what_was_measured() -> None:
    found = row("ddim", metrics=["gives"], options={"column": "nfe"})
    assert found["status"] == "failed"
    assert found["nfe"] == 9


def test_the_sweep_goes_on_after_every_failure(tmp_path: Path) -> None:
    names = "raises,out-of-memory,diverges,liar,short,annealed-langevin,ddim"
    rows = list(run_cells(cells(names, 5), Store(tmp_path), Local(isolate=False), Watcher()))
    statuses = ["failed", "oom", "diverged", "dishonest", "failed", "skipped", "done"]
    assert [r["status"] for r in rows] == statuses
    assert sorted(benchbox.load_results(str(tmp_path))["status"]) == sorted(statuses)


def test_a_rerun_tries_again_what_failed_and_leaves_what_is_settled(tmp_path: Path) -> None:
    names = "raises,out-of-memory,diverges,liar,annealed-langevin,ddim"
    list(run_cells(cells(names, 5), Store(tmp_path), Local(isolate=False), Watcher()))
    watcher = Watcher()
    list(run_cells(cells(names, 5), Store(tmp_path), Local(isolate=False), watcher))
    assert watcher.todo == ["run", "run", "done", "done", "done", "done"]


def test_force_measures_again_what_is_done(tmp_path: Path) -> None:
    watcher = Watcher()
    for _ in range(2):
        list(run_cells(cells("ddim", 5), Store(tmp_path), Local(isolate=False), watcher, force=True))
    assert watcher.todo == ["run", "run"]


# what a sample depends on


def samples(sampler: str = "heun", nfe: int = 9, **request: Any) -> torch.Tensor:
    options = {"dtype": "float64", "s_churn": 20, **request} if sampler == "heun" else {"dtype": "float64", **request}
    return benchbox.sample(sampler, "gaussian", nfe, options.pop("n", 40), **options)


def test_the_same_stream_gives_the_same_samples_bit_for_bit() -> None:
    assert torch.equal(samples(), samples())


@pytest.mark.parametrize("name", ["heun", "annealed-langevin", "pc", "ancestral"])
@pytest.mark.parametrize("batch_size", [1, 7, 16, 33])
def test_samples_do_not_depend_on_the_batch_size(name: str, batch_size: int) -> None:
    whole = samples(name, 19, batch_size=40)
    assert torch.allclose(samples(name, 19, batch_size=batch_size), whole, rtol=1e-12, atol=1e-12)


def test_samples_do_not_depend_on_how_many_there_are() -> None:
    assert torch.allclose(samples(n=21), samples(n=40)[:21], rtol=1e-12, atol=1e-12)


def test_the_samples_of_an_adaptive_sampler_do_not_depend_on_how_many_there_are() -> None:
    few, many = (benchbox.sample("ode", "gaussian", n=n, method="dopri5", dtype="float64") for n in (5, 20))
    assert torch.equal(few, many[:5])


def test_another_seed_gives_other_samples() -> None:
    assert not torch.isclose(samples(), samples(seed=1)).any()


def test_samples_from_python_are_ordinary_tensors() -> None:
    made = benchbox.sample("heun", "gaussian", 5, 3)
    assert made.shape == (3, 4)
    assert made.dtype == torch.float32
    assert not made.is_inference()


def test_from_python_one_cell_is_meant_and_it_must_be_possible() -> None:
    with pytest.raises(UsageError, match=r"is too small: the smallest is 6\.$"):
        benchbox.sample("ald", "gaussian", 2)
    with pytest.raises(UsageError, match="cannot be used here"):
        benchbox.sample("heun", "gaussian", 5, device="abacus")
    assert benchbox.sample("heun", "gaussian", 5, 1, device="auto").shape == (1, 4)


# hashes

BASE: dict[str, Any] = {"sampler": "heun", "nfe": 17}


def hashes(**changes: Any) -> tuple[str, str]:
    request = BASE | changes
    (cell,) = cells(request.pop("sampler"), request.pop("nfe"), **request)
    return cell.stream, cell.id


def test_a_request_and_a_command_draw_noise_in_blocks_of_the_default_size() -> None:
    """They state the number, because the module of noise imports torch."""
    assert Request(["heun"]).noise_block == signature(run_command).parameters["noise_block"].default == BLOCK


@pytest.mark.parametrize(
    "changes",
    [
        {"sampler": "ddim"},
        {"options": {"s_churn": 1}},
        {"options": {"heun.s_max": 1}},
        {"model": "mixture"},
        {"options": {"eigenvalues": "1:1:1:2"}},
        {"schedules": ["ve"]},
        {"grids": ["logsnr"]},
        {"options": {"karras.rho": 5}},
        {"nfe": 19},
        {"seeds": [1]},
        {"dtype": "float64"},
        {"final": "none"},
        {"noise_block": 8},
    ],
    ids=str,
)
def test_what_changes_the_samples_changes_both_hashes(changes: dict[str, Any]) -> None:
    base, changed = hashes(), hashes(**changes)
    assert changed[0] != base[0]
    assert changed[1] != base[1]


@pytest.mark.parametrize("changes", [{"nfe": 18}, {"n_samples": 21}, {"batch_size": 9}], ids=str)
def test_what_leaves_the_samples_as_they_are_changes_the_cell_alone(changes: dict[str, Any]) -> None:
    base, changed = hashes(), hashes(**changes)
    assert changed[0] == base[0]
    assert changed[1] != base[1]


@pytest.mark.parametrize("changes", [{"metrics": []}, {"metrics": ["sw2"]}, {"nfe_policy": "skip"}], ids=str)
def test_metrics_and_the_policy_are_in_neither_hash(changes: dict[str, Any]) -> None:
    assert hashes(**changes) == hashes()


def test_other_contents_of_a_file_among_the_options_are_another_stream(tmp_path: Path) -> None:
    path = tmp_path / "eigenvalues.npy"
    streams = set()
    for last in (0.25, 0.5):
        np.save(path, np.array([4.0, 1.0, 1.0, last]))
        streams.add(hashes(options={"eigenvalues": str(path)})[0])
    assert len(streams) == 2


@pytest.mark.parametrize(
    ("kind", "name"), [("model", "half"), ("schedule", "vp"), ("sampler", "pc"), ("sampler", "liar")]
)
def test_another_version_of_a_package_is_another_stream(monkeypatch: pytest.MonkeyPatch, kind: str, name: str) -> None:
    pc = {"sampler": "pc", "model": "half", "metrics": [], "options": {"predictor": "liar"}}
    before = hashes(**pc)
    offers = registry().offers

    def upgraded(of_kind: str, of_name: str) -> list[Offer]:
        new = {"version": "99"} if (of_kind, of_name) == (kind, name) else {}
        return [dataclasses.replace(offer, **new) for offer in offers(of_kind, of_name)]

    monkeypatch.setattr(registry(), "offers", upgraded)
    assert hashes(**pc)[0] != before[0]


def test_a_row_repeats_exactly_but_for_what_is_measured() -> None:
    from benchbox.store.schema import MEASURED

    (cell,) = cells("heun", 9, options={"s_churn": 10})
    first, second = measure(cell), measure(cell)
    assert {k: v for k, v in first.items() if k not in MEASURED} == {
        k: v for k, v in second.items() if k not in MEASURED
    }
    assert math.isfinite(first["w2"])
