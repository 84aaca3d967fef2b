"""Quality against an option, and metrics against each other with the scale along the curve."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import Command
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from report_rows import known, nothing_usual, rows

from benchbox.errors import UsageError
from benchbox.report.page.folder import write_site
from benchbox.report.page.site import Site
from benchbox.report.plots.axis import limits
from benchbox.report.plots.chart import Chart, Point
from benchbox.report.plots.draw import draw, panel
from benchbox.report.plots.style import look
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


def sure(*triples: tuple[float, float, float]) -> Chart:
    """The chart of rows with a scale, an FID with its standard error 0.5, and a class accuracy."""
    lines = [guided(scale, fid, accuracy) | known(fid, 0.5) for scale, fid, accuracy in triples]
    (chart,) = tradeoff_charts(rows(*lines), "class_accuracy", "fid", nothing_usual)
    return chart


def test_a_narrow_range_fills_its_axis() -> None:
    (low, high), _ = limits(sure((1.0, 3.0, 0.972), (1.5, 2.0, 0.996), (2.0, 4.0, 1.0)))
    assert low < 0.972
    assert high > 1
    assert math.log(1 / 0.972) > 0.8 * math.log(high / low)


def test_a_curve_that_turns_has_bars_and_no_band() -> None:
    def bands(*triples: tuple[float, float, float]) -> list[bool]:
        axes, chart = Figure().subplots(), sure(*triples)
        panel(axes, chart, {"heun, NFE 10": look(0)})
        return [isinstance(c, PolyCollection) for c in axes.collections]

    assert bands((1.0, 3.0, 0.9), (1.5, 2.0, 0.95), (2.0, 4.0, 1.0)) == [True]
    assert bands((1.0, 3.0, 0.9), (1.5, 2.0, 0.95), (2.0, 4.0, 0.9)) == [False]
    assert bands((1.0, 3.0, 0.9), (1.5, 2.0, 0.9), (2.0, 4.0, 1.0)) == [False]


def test_the_frame_holds_intervals_within_a_factor_of_three_and_the_caption_says_what_they_are() -> None:
    chart = sure((1.0, 2.0, 0.9), (1.5, 1.0, 0.95))
    _, (low, _) = limits(chart)
    assert 0.25 < low < 1 / 3
    assert "Bands or bars: 95 % intervals." in chart.caption
    assert "intervals" not in tradeoff_charts(table(), "class_accuracy", "fid", nothing_usual)[0].caption


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grid", "kras"], "unknown grid among the rows 'kras': did you mean karras?"),
        (["--schedule", "recommended"], "unknown schedule among the rows 'recommended'"),
        (["--model", "nett"], "unknown model among the rows 'nett': did you mean net?"),
        (["--nfe", "30"], "unknown budget among the rows '30'"),
    ],
)
def test_a_selection_without_rows_is_named(
    benchbox: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setattr("benchbox.cli.rows.rows_in", lambda directory: table())
    assert message in benchbox("plot", "--x", "guidance.scale", *arguments).sentence


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
