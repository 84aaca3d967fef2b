"""The distance to what the same model makes of the same noise with many evaluations: exact cases, and intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sweeping import measure

import benchbox
from benchbox.bench.sweep import one_cell
from benchbox.bench.task import MakeSamples
from benchbox.metrics.teacher_error import Teacher, TeacherError
from benchbox.metrics.uncertainty import over_prompts


def teacher_error(sampler: str, nfe: int, model: str = "gaussian", **request: Any) -> Any:
    cell = one_cell(sampler, model, nfe, metrics=["teacher_error"], **{"n_samples": 40, "batch_size": 15} | request)
    return measure(cell)


def test_the_teachers_own_run_is_at_distance_zero() -> None:
    row = teacher_error("heun", 99, grids=["karras"])
    assert row["teacher_error"] == pytest.approx(0, abs=1e-6)  # the run is in float32
    assert row["nfe"] == 99, "the teacher's evaluations are not the run's"


def test_it_falls_with_the_budget_and_its_interval_holds_it() -> None:
    rows = [teacher_error("heun", nfe, grids=["karras"]) for nfe in (9, 19, 39)]
    errors = [row["teacher_error"] for row in rows]
    assert errors[0] > 2.5 * errors[1] > 6 * errors[2] > 0
    for row in rows:
        assert row["teacher_error_low"] < row["teacher_error"] < row["teacher_error_high"]


def test_the_teacher_is_the_exact_solution_of_the_ode_on_a_gaussian() -> None:
    """x_0 = μ + (x_T − μ) √(λ/(λ + σ_T²)) along each axis, with the last denoise at σ_min."""
    cell = one_cell("heun", "gaussian", 9, n_samples=8)
    context = MakeSamples(cell).context()
    teacher = Teacher(context, TeacherError(nfe=999))
    x = teacher(torch.arange(8)).double()
    mean, root = cell.model.gaussian_law()
    eigenvalues, axes = np.linalg.eigh(root @ root)
    high, low = (float(cell.model.schedule.sigma(t)) for t in (cell.model.schedule.t_max, cell.model.schedule.t_min))
    start = teacher.levels.start_std * benchbox.metrics.ode_solution.starts(context, torch.arange(8)).double()
    gain = eigenvalues / (eigenvalues + low**2) * np.sqrt((eigenvalues + low**2) / (eigenvalues + high**2))
    exact = mean + ((start.flatten(1).numpy() - mean) @ axes * gain) @ axes.T
    np.testing.assert_allclose(x.flatten(1), exact, atol=2e-4)


def test_the_interval_is_over_prompts() -> None:
    """Samples of one prompt are averaged first: 40 of 2 prompts are 2 numbers, not 40."""
    values = {i: float(i % 2) + 0.001 * i for i in range(40)}
    few, many = over_prompts("e", values, 2), over_prompts("e", values, None)
    assert few["e"] == pytest.approx(many["e"])
    assert few["e_high"] - few["e"] > 10 * (many["e_high"] - many["e"])
    assert over_prompts("e", values, 1) == {"e": pytest.approx(0.5195), "e_low": None, "e_high": None}
    assert over_prompts("e", {}, 2)["e"] is None


def test_of_latents_it_is_measured_before_and_after_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here decode triples: so is the distance. Shards are merged."""
    (tmp_path / "tripled.py").write_text(LATENT)
    monkeypatch.chdir(tmp_path)
    row = teacher_error("ddim", 6, "py:tripled:Tripled")
    assert row["teacher_error"] > 1e-3
    assert row["teacher_error_decoded"] == pytest.approx(3 * row["teacher_error"], rel=1e-5)
    assert row["teacher_error_decoded_low"] == pytest.approx(3 * row["teacher_error_low"], rel=1e-5)


LATENT = """
from dataclasses import dataclass
import benchbox
from benchbox.models.mixture import Mixture

@dataclass(frozen=True)
class Tripled(Mixture):
    name = "tripled"

    def decode(self, x):
        return 3 * x
"""
