"""The error budget of an inverse problem: start, discretisation and guidance as separate numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import benchbox
from benchbox.cli.main import app
from benchbox.errors import UsageError
from benchbox.exact.budget import setting
from benchbox.exact.posterior_budget import posed_problem, posterior_budgets


@pytest.fixture(autouse=True)
def few_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbox.exact.posterior_budget.FINE_INTERVALS", 128)
    monkeypatch.setattr("benchbox.exact.posterior_budget.AVERAGED_MEASUREMENTS", 1)


def budgets(
    guide: str, sampler: str = "heun", nfes: tuple[int, ...] = (35, 69), **options: Any
) -> list[dict[str, float]]:
    model, guidance = benchbox.get("model", "gaussian"), benchbox.get("guidance", guide)
    chosen = setting(benchbox.get("sampler", sampler), model, None, None, "denoise", 0.0)
    problem = posed_problem(benchbox.get("problem", "inpaint", sigma_y=0.3, **options), guidance, chosen)
    return [budget.w2 for budget in posterior_budgets(chosen, problem, guidance, nfes)]


def test_the_sources_are_apart() -> None:
    """The oracle has no error of its own, nor has mmps; the discretisation falls at order 2; pigdm's error stays."""
    coarse, fine = budgets("oracle")
    assert coarse["guidance"] == fine["guidance"] < 1e-6
    assert 3 < coarse["discretisation"] / fine["discretisation"] < 6
    assert coarse["start"] == fine["start"]
    assert coarse["together"] == coarse["with the oracle"] < coarse["discretisation"] + coarse["start"] + 1e-3
    (mmps,) = budgets("mmps", nfes=(35,))
    assert mmps["guidance"] < 1e-6
    near, far = budgets("pigdm")
    assert near["guidance"] == pytest.approx(far["guidance"])
    assert near["guidance"] > 0.01
    assert near["discretisation"] == coarse["discretisation"]


def test_the_whole_run_is_what_samples_show() -> None:
    """The exact W2 of a run against that of the moments of 40,000 samples of it."""
    (exact,) = budgets("pigdm", "ancestral", nfes=(12,))
    how: dict[str, Any] = {"model": "gaussian", "nfe": 12, "problem": "inpaint", "guidance": "pigdm", "sigma_y": 0.3}
    x = benchbox.sample("ancestral", n=40_000, batch_size=10_000, dtype="float64", **how)
    from benchbox.bench.truths import measure
    from benchbox.gaussians import posterior_of, root_of
    from benchbox.metrics.frechet import gaussian_w2

    model, problem = benchbox.get("model", "gaussian"), benchbox.get("problem", "inpaint", sigma_y=0.3)
    y = measure(problem, model, 1, 0, "cpu", torch.float64).y
    (mean,), (covariance,) = (part.numpy() for part in posterior_of(model, problem, torch.device("cpu")).moments(y))
    found = gaussian_w2(x.mean(0).numpy(), torch.cov(x.T).numpy(), mean, root_of(covariance))
    assert found == pytest.approx(exact["together"], abs=0.012)
    assert exact["together"] > 0.1


def test_a_guide_that_is_not_affine_is_estimated() -> None:
    (found,) = budgets("dps", nfes=(35,))
    assert found["guidance"] > 0.01


@pytest.mark.parametrize(
    ("sampler", "guide", "problem", "told"),
    [
        ("dps", "mmps", "inpaint", "dps has no error budget under a guidance"),
        ("heun", "dps", "clip", "clip is not linear"),
        ("heun", "cfg", "inpaint", "cfg does not use the measurement"),
    ],
)
def test_what_has_no_budget_says_so(sampler: str, guide: str, problem: str, told: str) -> None:
    guidance = benchbox.get("guidance", guide)
    chosen = setting(benchbox.get("sampler", sampler), benchbox.get("model", "gaussian"), None, None, "denoise", 0.0)
    with pytest.raises(UsageError, match=told):
        posed_problem(benchbox.get("problem", problem), guidance, chosen)


def test_the_command_prints_it() -> None:
    words = [
        "check",
        "ddim",
        "--problem",
        "inpaint",
        "--guidance",
        "oracle,pigdm",
        "--nfe",
        "9",
        "--set",
        "sigma_y=0.5",
    ]
    found = CliRunner().invoke(app, [*words, "--json"])
    assert found.exit_code == 0, found.output
    first, second = json.loads(found.output)
    assert (first["sampler"], first["problem"], first["guidance"], second["guidance"]) == (
        "ddim",
        "inpaint",
        "oracle",
        "pigdm",
    )
    assert set(first["budgets"][0]["w2"]) == {
        "start",
        "discretisation",
        "guidance",
        "last denoise",
        "with the oracle",
        "together",
    }
    shown = CliRunner().invoke(app, words)
    assert "discretisation" in shown.output
