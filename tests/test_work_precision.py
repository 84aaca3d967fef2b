"""Work–precision diagrams: the caption is true, the best lines are in colour, the advice to choose works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from report_rows import nothing_usual, rows
from work_precision_rows import BUDGETS, chart, group, line

from benchbox.errors import UsageError
from benchbox.report.plots.axis import limits, preferred, set_ticks
from benchbox.report.plots.chart import Chart
from benchbox.report.plots.cost import costed_entries
from benchbox.report.plots.draw import caption_of, draw, panel
from benchbox.report.plots.quality import offered_charts, quality_chart, quality_charts
from benchbox.report.plots.style import look

REAL = {"fid_reference": "mnist train 60000 741c9888"}
"""The reference of the bundled values of real images."""


# costs


def test_entries_without_a_cost_and_those_of_other_devices_are_counted_apart() -> None:
    timed = {"timing_valid": True, "samples_per_s": 9.0}
    boards_ = group(line("a", 9, 8, 7), line("b", 8, 7, 6, **timed), line("c", 7, 6, **timed, device="GPU"))
    costed = costed_entries(boards_, "seconds")
    assert (costed.device, len(costed.entries), costed.without, costed.elsewhere) == ("CPU", 3, 3, 2)
    caption = quality_chart(boards_, "seconds", nothing_usual).caption
    assert (
        "Left out: 3 without seconds (timed under load, or not measured), 2 with seconds of other devices." in caption
    )
    assert "Left out" not in quality_chart(boards_, "nfe", nothing_usual).caption


def test_a_page_offers_a_cost_that_half_of_the_entries_have() -> None:
    def offered(*lines: list[dict[str, Any]]) -> list[str]:
        return list(offered_charts(group(*lines), nothing_usual))

    costs: dict[str, Any] = {"timing_valid": True, "rss_peak_mb": 500.0}
    assert offered(line("a", 9, 8), line("b", 8, 7, **costs)) == ["nfe", "seconds", "memory"]
    assert offered(line("a", 9, 8, 7), line("b", 8, 7, **costs)) == ["nfe"]
    assert offered(line("b", 8, **costs)) == ["nfe"]
    assert offered(*(line(name, 9, 8, rss_peak_mb=500.0) for name in "ab")) == ["nfe", "memory"]


def test_a_cost_that_no_row_has_is_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"nothing to draw against memory: 2 without memory \(not measured\)"):
        quality_charts(group(line("a", 9, 8)), ["nfe", "memory"], nothing_usual)


def test_values_that_a_logarithmic_axis_lacks_are_said_to_be_so() -> None:
    with pytest.raises(UsageError, match=r"nothing to draw against nfe: 2 not positive on a logarithmic axis\.$"):
        quality_charts(group(line("a", 0.0), line("b", 0.0)), ["nfe"], nothing_usual)


@pytest.mark.filterwarnings("error")
def test_panels_with_one_point_have_room_on_both_sides(tmp_path: Path) -> None:
    rows_ = line("a", 9, 8, **REAL), line("b", 3, timing_valid=True, rss_peak_mb=500.0, **REAL)
    charts = list(quality_charts(group(*rows_), ["nfe", "seconds", "memory"], nothing_usual).values())
    draw(charts, tmp_path / "a.png")
    for single in charts[1:]:
        (x, y), value = limits(single), single.lines[0].points[0]
        assert x[0] < value.x < x[1]
        assert y[0] < single.lines[-1].points[0].y < value.y < y[1]


# pictures and captions


def many() -> Chart:
    return chart(*(line(f"s{i}", *(5.0 + i for _ in BUDGETS)) for i in range(8)), line("bad", 5e3, 4e3, 3e3, 2e3))


def test_the_picture_has_bands_for_the_lines_in_colour_and_one_legend_entry_for_the_others(tmp_path: Path) -> None:
    drawn, axes = many(), Figure().subplots()
    panel(axes, drawn, {one.name: look(i) for i, one in enumerate(drawn.lines)}, "2 others")
    assert len([c for c in axes.collections if isinstance(c, PolyCollection)]) == 7
    assert axes.get_legend_handles_labels()[1] == ["non-dominated front", *(f"s{i}" for i in range(7)), "2 others"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["5", "8", "10", "20"]
    assert axes.get_ylim()[1] < 100
    assert caption_of([drawn]).endswith("Grey points outside of the frame: 8.")
    draw([drawn], tmp_path / "a.svg")
    assert re.findall("<!-- (.* others) -->", (tmp_path / "a.svg").read_text()) == ["2 others"]


def test_a_caption_speaks_of_intervals_and_dominated_points_only_where_there_are_some() -> None:
    unknown = {"fid_low": None, "fid_high": None}
    assert "Bands" in many().caption
    assert "Pale points are dominated." in many().caption
    plain = chart(line("a", 9, 8, **unknown)).caption
    assert plain == "Better is down and left. Seeds: 1. One schedule and grid for all."
    grey = chart(*(line(f"s{i}", 5.0, **(unknown if i < 7 else {})) for i in range(8))).caption
    assert "intervals" not in grey
    assert "95 % intervals of the lines in colour" in many().caption
    assert "lines in colour" not in chart(line("a", 9, 8)).caption


def test_evaluations_of_a_single_budget_have_whole_ticks() -> None:
    axis = Figure().add_subplot(xscale="log", xlim=(18.9, 20.1)).xaxis
    set_ticks(axis, 18.9, 20.1, [20], whole=True)
    assert {19.0, 20.0} <= set(axis.get_majorticklocs()) <= {18.0, 19.0, 20.0, 21.0}


def test_budgets_are_ticks_unless_they_are_too_close_or_leave_half_a_decade_bare() -> None:
    assert preferred([5, 8, 10, 20], 4.5, 22) == [5, 8, 10, 20]
    assert preferred([*range(4, 120)], 3, 130)[:4] == [4, 5, 7, 9]
    assert preferred([20], 18, 21) == []  # one tick shows no scale
    assert preferred([20], 3, 21) == []
    assert preferred([5, 10], 4, 1000) == []
    assert chart(line("a", 9, 8)).ticks == (5, 8)
    assert chart(line("a", 9, 8, timing_valid=True), cost="seconds").ticks == ()


# real images


def test_why_samples_lie_below_real_images_is_said_where_they_do() -> None:
    assert "the bias of FID can be larger for real images than for samples" in chart(line("a", 2.0, **REAL)).notes
    assert "bias" not in chart(line("a", 3.0, **REAL)).notes


def test_the_name_of_real_images_stands_beside_the_frame() -> None:
    drawn, figure = chart(line("a", 9, 2.9, 2.8, 2.7, **REAL)), Figure()
    axes = figure.subplots()
    panel(axes, drawn, {"a": look(0)})
    (name,) = axes.texts
    assert name.get_text() == "real test images:\n2.97"
    assert name.get_window_extent().x0 > axes.get_window_extent().x1


# the command


def test_the_advice_to_choose_names_the_options_that_tell_the_series_apart(
    benchbox: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = rows(*line("a", 9, 8), *line("b", 8, 7), *line("a", 7, 6, grid="logsnr"), *line("b", 6, grid="logsnr"))
    monkeypatch.setattr("benchbox.cli.rows.rows_in", lambda directory: frame)
    done = benchbox("plot")
    assert "not drawn: net: fid" in done.err
    assert done.err.rstrip().endswith("grid logsnr rho=7.0. Choose with --schedule, --grid.")
    for choice in ("logsnr", "karras", "recommended"):
        chosen = benchbox("plot", "--grid", choice, "--output", f"{choice}.svg")
        assert (chosen.status, chosen.err) == (0, "")
    assert len({Path(f"{choice}.svg").read_text() for choice in ("logsnr", "karras", "recommended")}) == 3
    assert "unknown grid among the rows 'kras': did you mean karras?" in benchbox("plot", "--grid", "kras").sentence
