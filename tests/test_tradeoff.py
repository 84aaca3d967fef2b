"""Quality against an option, and metrics against each other with the scale along the curve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_rows import nothing_usual, rows

from benchbox.errors import UsageError
from benchbox.report.page.folder import write_site
from benchbox.report.page.site import Site
from benchbox.report.plots.chart import Point
from benchbox.report.plots.draw import draw
from benchbox.report.plots.tradeoff import tradeoff_charts

METRICS = json.dumps({"fid": {}, "prc": {}, "class_accuracy": {}})


def guided(scale: float, fid: float, accuracy: float, **more: Any) -> dict[str, Any]:
    options = {"scale": scale, "rescale": more.pop("rescale", 0.0)}
    return {
        "guidance": "cfg", "guidance_options": json.dumps(options), "fid": fid, "class_accuracy": accuracy,
        "precision": accuracy, "recall": 1.5 - accuracy, "metric_options": METRICS, **more,
    }  # fmt: skip


def table() -> pd.DataFrame:
    return rows(
        guided(3.0, 7.0, 0.99), guided(1.0, 3.0, 0.9), guided(1.5, 2.0, 0.95),
        guided(1.0, 9.0, 0.8, nfe_requested=20), guided(3.0, 8.0, 0.9, nfe_requested=20),
        guided(1.0, 5.0, 0.9, rescale=0.7), {"fid": 4.0}, guided(2.0, 1.0, 0.9, status="failed"),
    )  # fmt: skip


def points(line: Any) -> list[tuple[float, float, str]]:
    return [(p.x, p.y, p.label) for p in line.points]


def test_an_option_is_on_the_x_axis() -> None:
    (chart,) = tradeoff_charts(table(), "guidance.scale", "fid", nothing_usual)
    assert [line.name for line in chart.lines] == ["heun, NFE 10", "heun, NFE 20"]
    assert points(chart.lines[0]) == [(1.0, 3.0, "scale 1"), (1.5, 2.0, "scale 1.5"), (3.0, 7.0, "scale 3")]
    assert (chart.x, chart.labelled) == ("guidance.scale", False)


def test_the_scale_goes_along_the_curve_of_two_metrics() -> None:
    (chart,) = tradeoff_charts(table(), "class_accuracy", "fid", nothing_usual)
    assert points(chart.lines[0]) == [(0.9, 3.0, "scale 1"), (0.95, 2.0, "scale 1.5"), (0.99, 7.0, "scale 3")]
    assert (chart.x, chart.labelled) == ("class accuracy", True)
    assert chart.caption.startswith("Better is down and right.")
    (other,) = tradeoff_charts(table(), "recall", "precision", nothing_usual)
    assert other.caption.startswith("Better is up and right.")


def test_seeds_are_averaged_and_options_of_other_kinds_can_vary() -> None:
    lines = [
        {"sampler_options": json.dumps({"eta": eta}), "fid": fid, "seed": seed}
        for eta, seed, fid in ((0.5, 0, 2.0), (0.5, 1, 4.0), (1.0, 0, 5.0))
    ]
    (chart,) = tradeoff_charts(rows(*lines), "sampler.eta", "fid", nothing_usual)
    assert points(chart.lines[0]) == [(0.5, 3.0, "eta 0.5"), (1.0, 5.0, "eta 1")]


def test_a_point_that_a_logarithmic_axis_lacks_is_said() -> None:
    (chart,) = tradeoff_charts(
        rows(*(guided(s, 2.0 + s, 0.5) for s in (0.0, 1.0, 2.0))), "guidance.scale", "fid", nothing_usual
    )
    assert [p.x for p in chart.lines[0].points] == [1.0, 2.0]
    assert chart.caption.endswith("Not drawn, as not positive on a logarithmic axis: 1.")


@pytest.mark.parametrize(
    ("x", "metric", "message"),
    [
        ("guidance.strength", "fid", "no row has fid and a number for guidance.strength"),
        ("guide.scale", "fid", "unknown kind of option 'guide'"),
        ("class_acuracy", "fid", "class_accuracy"),
        ("guidance.rescale", "class_accuracy", "no two rows of a setup"),
    ],
)
def test_what_cannot_be_drawn_is_refused(x: str, metric: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tradeoff_charts(table().head(2), x, metric, nothing_usual)


def test_a_class_accuracy_of_0_has_no_place_and_the_sentence_says_so() -> None:
    wrong = rows(guided(1.0, 3.0, 0.0), guided(3.0, 7.0, 0.0))
    with pytest.raises(UsageError, match="with values above 0 of fid and class_accuracy, differ in"):
        tradeoff_charts(wrong, "class_accuracy", "fid", nothing_usual)


def test_the_title_says_the_classes_and_the_unit_of_the_budgets() -> None:
    def titles(**more: Any) -> list[str]:
        made = rows(*(guided(s, s, 0.9, model="mnist-edm", **more) for s in (1.0, 2.0)))
        return [chart.title for chart in tradeoff_charts(made, "guidance.scale", "fid", nothing_usual)]

    assert titles(model_options='{"label": [3]}')[0].startswith("mnist-edm label=3, cfg rescale=0.0: FID")
    assert titles(nfe_of="denoiser")[0].startswith("mnist-edm, cfg rescale=0.0, budgets of the denoiser: FID")
    assert titles(nfe_of="network")[0].startswith("mnist-edm, cfg rescale=0.0: FID")


def test_the_labels_are_written_beside_the_points(tmp_path: Path) -> None:
    (chart,) = tradeoff_charts(table(), "class_accuracy", "fid", nothing_usual)
    draw([chart], tmp_path / "plot.svg")
    assert "scale 1.5" in (tmp_path / "plot.svg").read_text().replace("&#32;", " ")
    assert all(isinstance(p, Point) for line in chart.lines for p in line.points)


def test_the_page_shows_the_trade_offs(tmp_path: Path) -> None:
    write_site(Site(table(), nothing_usual), tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert 'data-view="tradeoff-net"' in page
    for name in ("FID against class accuracy", "precision against recall", "FID against guidance.scale"):
        assert name in page


def test_the_headings_of_the_page_tell_guidances_and_classes_apart(tmp_path: Path) -> None:
    labels = ({}, {"model_options": '{"label": [3]}'})
    made = rows(*(guided(s, s, 0.9, model="mnist-edm", **label) for s in (1.0, 2.0) for label in labels))
    write_site(Site(made, nothing_usual), tmp_path)
    page = (tmp_path / "index.html").read_text() + (tmp_path / "models" / "mnist-edm.html").read_text()
    for model in ("mnist-edm", "mnist-edm label=3"):
        for scale in ("1.0", "2.0"):
            assert f">{model}, cfg scale={scale} rescale=0.0: FID (mnist-cnn) of 1,000 samples<" in page
