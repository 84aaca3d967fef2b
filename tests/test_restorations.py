"""What people see of restored samples: pictures, and boards that show backwards apart from evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sweeping import measure
from typer.testing import CliRunner

import benchbox
from benchbox.bench.request import Request
from benchbox.bench.sweep import expand
from benchbox.bench.truths import measure as measurements_of
from benchbox.cli.main import app
from benchbox.cli.restorations import restorations
from benchbox.errors import UsageError
from benchbox.measurement import pose
from benchbox.registry import registry
from benchbox.report.leaderboard import sheets
from benchbox.report.ranking import boards


def picture(n: int = 2, m: int = 3, **request: Any) -> Any:
    ask = {"models": ["mnist-edm"], "guidances": ["ddnm", "diffpir"], "problems": ["super-resolution"]}
    return restorations(
        ["ddim"], "3", ["factor=4"], ask | {"measurements": m, "n_samples": n * m, "batch_size": n * m} | request
    )


def test_a_picture_has_a_line_per_measurement_and_the_moments_of_each_methods_samples() -> None:
    lines, data_range, subject = picture()
    model = benchbox.get("model", "mnist-edm")
    measured = measurements_of(pose(benchbox.get("problem", "super-resolution", factor=4), model), model, 3, 0)
    assert (data_range, subject) == ((-1.0, 1.0), "super-resolution factor=4 sigma_y=0.05")
    how: dict[str, Any] = {"model": "mnist-edm", "nfe": 3, "n": 6, "batch_size": 6, "measurements": 3, "factor": 4}
    x = benchbox.sample("ddim", guidance="diffpir", problem="super-resolution", **how).numpy()
    for j, (name, panels) in enumerate(lines):
        assert name == str(j + 1)
        assert [panel.caption for panel in panels] == [
            "truth", "measurement", "ddnm, NFE 3", "mean", "standard deviation",
            "diffpir, NFE 3", "mean", "standard deviation",
        ]  # fmt: skip
        np.testing.assert_array_equal(panels[0].samples[0], measured.truths[j].numpy())
        np.testing.assert_array_equal(panels[1].samples[0], measured.y[j].numpy())
        own = np.stack([x[j], x[3 + j]])
        np.testing.assert_allclose(panels[5].samples, own, atol=1e-5)
        np.testing.assert_allclose(panels[6].samples[0], own.mean(0), atol=1e-5)
        np.testing.assert_allclose((panels[7].samples[0] + 1) / 2, own.std(0, ddof=1), atol=1e-5)


def test_one_sample_has_no_spread() -> None:
    assert not (picture(n=1)[0][0][1][4].samples + 1).any()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"models": ["gaussian"]}, "restorations are drawn as images, and model gaussian makes none"),
        ({"problems": ["denoise", "deblur"]}, "of one inverse problem on one model"),
        ({"problems": [], "guidances": []}, "of one inverse problem on one model"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_one_sentence(asked: dict[str, Any], told: str) -> None:
    settings = ["factor=2"] if asked.get("models") else []
    request = {"models": ["mnist-edm"], "guidances": ["ddnm"], "problems": ["super-resolution"]} | asked
    with pytest.raises(UsageError, match=told):
        restorations(["ddim"], "3", settings, request)


def test_the_command_draws_it(tmp_path: Path) -> None:
    words = (
        "plot --kind restoration --sampler ddim --guidance ddnm --problem denoise --measurements 2 --samples 2 --nfe 2"
    )
    done = CliRunner().invoke(app, [*words.split(), "--output", str(tmp_path / "a.png")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_board_shows_backwards_beside_evaluations_where_a_method_takes_any() -> None:
    def board(*guidances: str) -> Any:
        request = Request(
            ["ddim"], [4], ["gaussian"], guidances=guidances, problems=["inpaint"], metrics=["crps"], n_samples=8,
            measurements=4,
        )  # fmt: skip
        rows = pd.DataFrame([measure(cell) for cell in expand(request)])
        (sheet,) = sheets(boards(rows), registry().defaults)
        return sheet

    sheet = board("pigdm", "diffpir")
    columns = [sheet.columns.index(name) for name in ("NFE", "backwards")]
    costs = {line[1].text: tuple(line[c].text for c in columns) for line in sheet.lines}
    assert {name.split(", ")[1]: cost for name, cost in costs.items()} == {"pigdm": ("4", "4"), "diffpir": ("4", "0")}
    assert "backwards" not in board("diffpir").columns
