"""Plots: the front is the front, the slope is the slope, the picture is the same every time and says what it shows."""

from __future__ import annotations

import math
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from report_rows import known, nothing_usual, rows

from benchbox.errors import UsageError
from benchbox.report.headings import setup_names
from benchbox.report.page.single import write_charts
from benchbox.report.plots.axis import power
from benchbox.report.plots.chart import Chart, Line, Point, non_dominated
from benchbox.report.plots.draw import draw, panel
from benchbox.report.plots.exact import budget_chart, order_chart
from benchbox.report.plots.front import name_front
from benchbox.report.plots.gallery import Panel, draw_gallery, mosaic
from benchbox.report.plots.quality import quality_chart, series
from benchbox.report.plots.style import DPI, look
from benchbox.report.published import with_published
from benchbox.report.ranking import boards

small = st.integers(1, 6).map(float)


@given(st.lists(st.builds(Point, small, small)), st.booleans())
def test_the_front_is_what_no_other_point_beats(points: list[Point], highest: bool) -> None:
    def beats(a: Point, b: Point) -> bool:
        y = (b.y, a.y) if highest else (a.y, b.y)
        return a.x <= b.x and y[0] <= y[1] and (a.x < b.x or y[0] < y[1])

    assert non_dominated(points, highest) == {p for p in points if not any(beats(q, p) for q in points)}


# work–precision


def measured() -> list[dict[str, Any]]:
    """heun better at every budget but the least, ddim cheap; each with an interval."""
    fids = {"ddim": (9.0, 6.0, 5.0), "heun": (20.0, 5.0, 4.0)}
    budgets = (5, 10, 20)
    return [
        {"sampler": s, "nfe_requested": n, "nfe": float(n), "samples_per_s": 1000 / n} | known(fid, 0.1)
        for s, values in fids.items()
        for n, fid in zip(budgets, values, strict=True)
    ]


def chart(*more: dict[str, Any], cost: Any = "nfe") -> Chart:
    (group,) = series(boards(rows(*measured(), *more)))
    return quality_chart(group, cost, nothing_usual)


def test_a_line_for_each_sampler_with_its_intervals_and_the_front() -> None:
    heun, ddim = chart().lines  # by mean rank
    assert (heun.name, ddim.name) == ("heun", "ddim")
    assert [(p.x, p.y, p.strong) for p in ddim.points] == [(5, 9, True), (10, 6, False), (20, 5, False)]
    assert [p.strong for p in heun.points] == [False, True, True]
    assert [(p.x, p.y) for p in chart().staircase] == [(5, 9), (10, 5), (20, 4)]
    assert heun.points[1].low == pytest.approx(5 - 1.96 * 0.1, abs=1e-4)


def test_seconds_are_those_of_one_machine_and_the_caption_says_what_is_left_out() -> None:
    other = {"sampler": "fast", "device": "another machine", "samples_per_s": 1e6} | known(4.5, 0.1)
    drawn = chart(other, cost="seconds")
    assert [line.name for line in drawn.lines] == ["heun", "ddim"]
    assert [p.x for p in drawn.lines[0].points] == pytest.approx([5, 10, 20])
    assert drawn.x.endswith("CPU")
    assert "Left out: 1 with seconds of other devices." in drawn.caption
    assert "fast" in [line.name for line in chart(other).lines]


def test_what_cannot_stand_on_a_logarithmic_axis_is_left_out() -> None:
    zero = {"sampler": "zero"} | known(0.0, 0.1)
    assert "zero" not in [line.name for line in chart(zero).lines]
    assert {p.x for line in chart(cost="memory").lines for p in line.points} == {500.0}
    unmeasured = {"sampler": "blind", "rss_peak_mb": None} | known(4.5, 0.1)
    assert [line.name for line in chart(unmeasured, cost="memory").lines] == ["heun", "ddim"]


def test_of_many_lines_those_that_are_best_at_a_budget_and_the_first_by_rank_are_not_grey() -> None:
    others = [
        {"sampler": f"s{i}", "nfe_requested": n, "nfe": float(n)} | known(10.0 + i, 0.1)
        for i in range(9) for n in (5, 10, 20)
    ]  # fmt: skip
    lines = chart(*others).lines
    assert {line.name for line in lines if not line.grey} == {"heun", "ddim", "s0", "s1", "s2", "s3", "s4"}
    once = {"sampler": "once", "nfe_requested": 20, "nfe": 20.0} | known(1.0, 0.1)
    assert "once" in [line.name for line in chart(*others, once).lines[7:]]
    assert [line.name for line in chart(*others, once).lines if not line.grey][-1] == "once"


def test_setups_of_one_sampler_are_told_apart() -> None:
    ran = ("{}", "karras"), ('{"eta": 1}', "karras"), ("{}", "uniform")
    lines = [{"sampler_options": options, "grid": grid} for options, grid in ran]
    setups = [e.setup for board in boards(rows(*lines)) for e in board.entries]
    names = setup_names(setups, nothing_usual)
    assert len(set(names.values())) == 3
    assert names[next(s for s in setups if s.sampler_options != "{}")] == "heun eta=1"


# published figures


def published(features: str, dataset: str = "mnist", **more: Any) -> Chart:
    (group,) = series(boards(rows(*(m | {"fid_features": features, "dataset": dataset} | more for m in measured()))))
    return with_published(quality_chart(group, "nfe", nothing_usual), group[0].task)


def test_published_figures_are_hollow_points_that_are_never_on_the_front(tmp_path: Path) -> None:
    drawn = published("inception-v3-compat", "cifar10")
    *lines, others = drawn.lines
    assert [line.role for line in lines] == ["line", "line"]
    assert (others.name, others.role, others.muted) == ("published (not measured here)", "published", False)
    assert min(p.y for p in others.points) < 4.0
    assert [(p.x, p.y) for p in drawn.staircase] == [(5, 9), (10, 5), (20, 4)]
    assert any("DDIM paper Table 1" in p.label and "eta=0.0" in p.label for p in others.points)
    draw([drawn], tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert text.count("<!-- published (not measured here) -->") == 1
    assert text.count("fill-opacity: 0") + text.count("fill: none; stroke: #555555") > 0


def test_published_figures_of_other_features_say_so_and_wait_to_be_asked_for() -> None:
    others = published("mnist-cnn").lines[-1]
    assert others.muted
    assert others.name == "published (not measured here; Inception, not mnist-cnn)"
    assert "not comparable with the values" in others.note
    assert "Hollow" not in published("mnist-cnn").caption
    assert {line.role for line in published("mnist-cnn", "my own data").lines} == {"line"}
    w2 = dict.fromkeys(("fid", "fid_low", "fid_high")) | {"w2": 1.0, "metric_options": '{"w2": {}}'}
    assert {line.role for line in published("", **w2).lines} == {"line"}


# pictures


def test_the_same_chart_gives_the_same_bytes_and_says_what_it_is(tmp_path: Path) -> None:
    paths = tmp_path / "a.svg", tmp_path / "b.svg"
    for path in paths:
        draw([chart()], path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    text = first.decode()
    assert "net: FID (mnist-cnn) of 1,000 samples" in text
    assert "Pale points are dominated" in text
    assert "dc:date" not in text


@pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.html", b"<!doctype html>")])
def test_other_kinds_of_file(tmp_path: Path, name: str, magic: bytes) -> None:
    # text that matplotlib would take for a formula, and that HTML would take for a tag
    strange = {"sampler": "<b>$\\frac{x$</b>"} | known(4.5, 0.1)
    write_charts({"nfe": chart(strange), "seconds": chart(strange, cost="seconds")}, tmp_path / name)
    made = (tmp_path / name).read_bytes()
    assert made.startswith(magic)
    assert b"<b>$" not in made


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be written as a\.gif: its name must end in \.svg, \.png, \.pdf"):
        write_charts({"nfe": chart()}, tmp_path / "a.gif")
    with pytest.raises(UsageError, match=r"none/a\.svg cannot be written: No such file"):
        draw([chart()], tmp_path / "none" / "a.svg")


def test_lines_are_told_apart_without_colour_and_with_it() -> None:
    looks = [tuple(map(str, look(i).values())) for i in range(252)]
    assert len(set(looks)) == 252
    assert len({(marker, dash) for _, marker, dash in looks[:36]}) == 36


def test_powers_of_ten_are_written_as_such() -> None:
    assert [power(v) for v in (1e-3, 1.0, 1e12)] == ["10⁻³", "10⁰", "10¹²"]


# what is exact


def certificate(order: float) -> dict[str, Any]:
    intervals = [8, 16, 32, 64]
    return {
        "name": "mine",
        "orders": [{
            "kind": "weak", "schedule": "edm", "options": "", "claimed": 2, "measured": order,
            "asymptotic": (16, 64), "intervals": intervals, "errors": [3 * n**-order for n in intervals],
        }],
    }  # fmt: skip


def test_the_guide_of_an_order_plot_has_the_measured_slope() -> None:
    line, guide = order_chart([certificate(2.0)]).lines
    assert line.name == "mine: order 2.00 (claims 2)"
    assert [p.strong for p in line.points] == [False, True, True, True]
    a, b = guide.points
    assert (a.x, b.x) == (16, 64)
    assert math.log(a.y / b.y) / math.log(b.x / a.x) == pytest.approx(2.0)
    assert a.y < line.points[1].y
    with pytest.raises(UsageError, match="the certificates of mine contain no weak order on schedule vp"):
        order_chart([certificate(2.0)], schedule="vp")


def test_an_error_budget_has_a_line_for_each_source_and_black_ones_for_whole_runs(tmp_path: Path) -> None:
    table = [{"nfe": n, "w2": {"truncation": 0.0, "score": 0.1, "together": 1 / n}} for n in (9, 17)]
    drawn = budget_chart("heun", "gaussian, edm, karras", table)
    assert [(line.name, line.role, len(line.points)) for line in drawn.lines] == [
        ("truncation", "line", 0), ("score", "line", 2), ("together", "whole", 2),
    ]  # fmt: skip
    draw([drawn, order_chart([certificate(1.0)])], tmp_path / "both.svg")


# samples


def test_a_mosaic_has_every_image_in_its_place() -> None:
    images = np.arange(5 * 3 * 2 * 4).reshape(5, 3, 2, 4) / 200
    whole = mosaic(images)
    assert whole.shape == (2 * 2, 3 * 4, 3)
    for i in range(5):
        row, column = divmod(i, 3)
        tile = whole[2 * row : 2 * row + 2, 4 * column : 4 * column + 4]
        assert np.array_equal(tile, images[i].transpose(1, 2, 0))
    assert (whole[2:, 8:] == 1).all()
    assert mosaic(images[:, :1]).shape == (4, 12)


def test_samples_that_are_no_pictures(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(20, 3))
    lines = [("mixture", [Panel("NFE 5", points), Panel("NFE 9", 2 * points)]), ("none", [Panel("NFE 5", None)])]
    draw_gallery(lines, tmp_path / "a.svg", "title")
    with pytest.raises(UsageError, match=r"samples of shape \(3, 2\) cannot be drawn: they are neither"):
        draw_gallery([("x", [Panel("", np.zeros((4, 3, 2)))])], tmp_path / "a.svg")


def test_a_trace_is_what_the_sampler_saw_and_ends_in_its_sample() -> None:
    import torch

    import benchbox
    from benchbox.bench.sweep import one_cell
    from benchbox.bench.trace import trace

    cell = one_cell("heun", "mixture", 7, n_samples=20, seeds=[3], metrics=[])
    calls = trace(cell)
    assert len(calls) == 7
    sigmas = [sigma for sigma, _ in calls]
    assert all(a >= b for a, b in pairwise(sigmas))
    assert torch.equal(calls[-1][1], benchbox.sample("heun", model="mixture", nfe=7, n=20, seed=3))


# the command


def test_plots_from_the_command_line(benchbox: Command) -> None:
    benchbox("run", "--sampler", "ddim,heun", "--nfe", "5,9", "--model", "mixture", "--samples", 16, "--seed", "0,1")
    for more in (
        ("quality.svg", "--cost", "nfe,seconds", "--metric", "sw2"), ("quality.html", "--published"),
        ("budget.svg", "--kind", "budget", "--nfe", "9,17"),
        ("samples.png", "--kind", "samples", "--model", "mixture", "--nfe", 5, "--sampler", "ddim,heun"),
        ("trajectory.html", "--kind", "trajectory", "--model", "mixture", "--nfe", 5),
    ):  # fmt: skip
        done = benchbox("plot", "--output", *more)
        assert (done.status, done.out) == (0, ""), done.err
        assert Path(more[0]).stat().st_size > 1000
    for arguments, sentence in (
        (["--cost", "money"], "cost 'money'"),
        (["--metric", "fid"], "metric among the rows 'fid'"),
        (["--kind", "budget", "--sampler", "ddim,heun"], "an error budget is drawn for one sampler"),
        (["--output", "a.gif"], "its name must end in .svg, .png, .pdf or .html"),
        (["--kind", "order", "--certificate", "quality.svg"], "quality.svg is not a file of certificates"),
    ):
        assert sentence in benchbox("plot", *arguments).sentence


def test_an_order_plot_from_a_certificate(benchbox: Command, tmp_path: Path) -> None:
    import json

    told = certificate(2.0) | {"kind": "sampler", "options": {}, "passed": True, "checks": []}
    (tmp_path / "c.json").write_text(json.dumps([told]))
    assert benchbox("plot", "--kind", "order", "--certificate", "c.json", "--output", "o.svg").status == 0
    assert (tmp_path / "o.svg").exists()


def test_lines_of_one_name_look_the_same_in_all_panels(tmp_path: Path) -> None:
    many = [Chart("t", "x", "y", tuple(Line(f"s{i}", (Point(1, i + 1), Point(2, i + 1))) for i in range(40)))] * 2
    draw(many, tmp_path / "many.svg")
    text = (tmp_path / "many.svg").read_text()
    assert text.count("<!-- s39 -->") == 1


@pytest.mark.parametrize("highest", [False, True])
def test_names_on_the_front_lie_inside_beyond_it_and_apart(highest: bool) -> None:
    values = [(5, 30), (9, 8), (10, 7.5), (20, 7), (50, 6.9), (100, 2)]
    corners = tuple(Point(x, 1 / y if highest else y, label=f"{x} NFE", strong=True) for x, y in values)
    lines = tuple(Line(f"a-sampler-of-{p.x}", (p,)) for p in corners)
    front = Chart("t", "x", "y", lines, front="front", highest=highest)
    axes = Figure(dpi=DPI).subplots()
    panel(axes, front, {line.name: look(i) for i, line in enumerate(lines)})
    name_front(axes, front)
    boxes, inside = [text.get_window_extent() for text in axes.texts], axes.get_window_extent()
    assert len(boxes) > 2
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert all(inside.x0 <= b.x0 and b.x1 <= inside.x1 and inside.y0 <= b.y0 and b.y1 <= inside.y1 for b in boxes)
    for x, y in (axes.transData.transform((p.x, p.y)) for p in corners):
        assert not any(b.x0 < x < b.x1 and (b.y0 < y if highest else b.y1 > y) for b in boxes)


def test_the_caption_says_what_an_axis_has_no_place_for() -> None:
    zero = {"sampler": "zero"} | known(0.0, 0.1)
    assert "Not drawn, as not positive on a logarithmic axis: 1." in chart(zero).caption
    assert "Not drawn" not in chart().caption
