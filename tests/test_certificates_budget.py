"""The error budget, and the published table."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from benchbox import get
from benchbox.cli.main import app
from benchbox.errors import UsageError
from benchbox.exact.budget import SOURCES, error_budget, error_budgets, setting
from benchbox.exact.law import w2
from benchbox.exact.published import SCHEMES, PublishedRow, read_published, rerun_published
from benchbox.models.gaussian import Gaussian

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "published_w2_gaussian_cifar10.csv").is_file(), reason="the published table is not here"
)
MODEL = Gaussian()


def of(
    name: str,
    schedule: str | None = None,
    grid: str | None = None,
    final: str = "denoise",
    delta: float = 0.01,
    **options: Any,
) -> Any:
    return setting(get("sampler", name, **options), MODEL, schedule, grid, final, delta)


def test_sources_alone_follow_their_formulas() -> None:
    """Initialisation: the ODE maps N(0, q) to variance q v_N/v_1 (NUMBERS 2.1). Truncation: closed form."""
    what = of("ode", "vp", "uniform", method="rk4")
    found = error_budget(what, 4 * 100 + 1)
    levels = (float(what.schedule.sigma(t)) for t in (1.0, what.schedule.t_min))
    first, last = levels
    start, spectrum, mean = float(what.schedule.start_std(1.0)), MODEL.spectrum, MODEL.center
    v1, vn = spectrum + first**2, spectrum + last**2
    wrong = mean - mean * np.sqrt(vn / v1), start**2 * vn / v1
    assert found.w2["initialisation"] == pytest.approx(w2(wrong, (mean, vn)), rel=1e-3)
    assert found.w2["truncation"] == pytest.approx(w2((mean, spectrum**2 / vn), (mean, spectrum)), rel=1e-9)
    cut = error_budget(replace(what, final="none"), 400)
    assert cut.w2["truncation"] == pytest.approx(w2((mean, vn), (mean, spectrum)), rel=1e-9)


def test_budget_adds_up() -> None:
    """Discretisation falls with the order, the others stay; together no more than their sum, and near the largest."""
    table = error_budgets(of("heun"), (35, 69, 139, 277))
    for a, b in pairwise(table):
        assert b.w2["discretisation"] < 0.35 * a.w2["discretisation"]
        assert b.w2["score"] == pytest.approx(a.w2["score"], rel=1e-9)
    for b in table:
        alone = [b.w2[s] for s in ("initialisation", "truncation", "discretisation", "score")]
        assert b.w2["together"] < 1.1 * sum(alone)
        assert b.w2["without score error"] < 1.1 * sum(alone[:3])
    exact = error_budget(of("heun", delta=0.0), 69)
    assert exact.w2["score"] == 0
    assert exact.w2["together"] == exact.w2["without score error"]


def test_sde_forgets_its_start() -> None:
    """Pierret & Galerne, proposition 4: the initialisation error of the SDE is below that of the ODE."""
    ode, sde = (error_budget(of("euler-maruyama", "vp", kappa=k), 40).w2["initialisation"] for k in (0.0, 1.0))
    assert sde < 0.3 * ode


def test_budget_is_refused_where_it_means_nothing() -> None:
    with pytest.raises(UsageError, match="not affine"):
        error_budget(of("pc", norm="sample"), 40)
    with pytest.raises(UsageError, match="larger --nfe"):
        error_budget(of("heun"), 1)
    with pytest.raises(UsageError, match="denoise or none"):
        of("heun", final="maybe")


def test_command_makes_a_table_and_a_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "budget.svg"
    done = CliRunner().invoke(app, ["check", "heun", "--budget", "--nfe", "9,35", "--output", str(path)])
    assert done.exit_code == 0
    for source in SOURCES:
        assert source in done.output
    assert path.read_text().count("<path") > 20
    done = CliRunner().invoke(app, ["check", "ddim", "--budget", "--nfe", "20", "--score-error", "0.05", "--json"])
    (found,) = json.loads(done.stdout)
    assert found["score_error"] == 0.05
    assert found["budgets"][0]["nfe"] == 20
    assert set(found["budgets"][0]["w2"]) == set(SOURCES)


@needs_reference
def test_published_values_at_50_and_250_points() -> None:
    """All 44 of them at the printed digits, and what the Heun rows really spend."""
    rows, model = read_published(REFERENCE)
    assert len(rows) == 88
    results = list(rerun_published([r for r in rows if r.points <= 250], model))
    assert len(results) == 44
    assert [r.row for r in results if not r.agrees] == []
    for r in results:
        assert r.nfe == (r.row.points - 1) * (2 if r.row.scheme == "Heun" else 1)


@needs_reference
def test_rk4_runs_on_a_quarter_of_the_points_that_its_label_says() -> None:
    """Pierret & Galerne's code: NFE // 4 points; with those the label 50 gives 2.60, behind Heun's true 2.04."""
    _, model = read_published(REFERENCE)
    (found,) = rerun_published([PublishedRow("RK4", 1e-3, 50, "p_T", "2.60")], model)
    assert (found.row.points, found.nfe, found.agrees) == (12, 44, True), found.w2


@needs_reference
def test_command_prints_the_published_table() -> None:
    done = CliRunner().invoke(app, ["check", "--published", str(REFERENCE), "--points", "50"])
    assert done.exit_code == 0
    assert "22 of 22 values agree" in done.output
    assert "98" in done.output  # the evaluations of Heun's 50 points


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_every_scheme_of_the_paper_runs(scheme: str) -> None:
    """On a small Gaussian; of first order, but for Heun and RK4."""
    model = Gaussian(mean=(0.0,), eigenvalues=(0.25,))
    labels = [n * 4 if scheme == "RK4" else n for n in (129, 513)]
    coarse, fine = rerun_published([PublishedRow(scheme, 1e-3, n, "p_T", "0.0") for n in labels], model)
    law = 1e-3 if scheme in ("RK4", "Heun") else 1e-2  # the truncation at ε is in both
    assert abs(coarse.w2 - fine.w2) < law
    assert fine.nfe == 512 * {"RK4": 4, "Heun": 2}.get(scheme, 1)


def test_a_directory_without_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="docs/certificates"):
        read_published(tmp_path)
