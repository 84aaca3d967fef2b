"""Of many lines, the best are in colour, in the frame, and named once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from report_rows import nothing_usual
from work_precision_rows import chart, group, line

from benchbox.report.plots.axis import limits
from benchbox.report.plots.quality import quality_charts


def test_a_sampler_that_repeats_another_takes_no_colour_and_is_named_beside_it() -> None:
    twins = line("ancestral", 9, 8, 7), line("euler-ancestral", 9, 8, 7)
    others = [line(f"s{i}", 20 + i, 20 + i, 20 + i) for i in range(7)]
    drawn = chart(*twins, *others)
    bright = [one.name for one in drawn.lines if not one.grey]
    assert bright == ["ancestral (= euler-ancestral)", "s0", "s1", "s2", "s3", "s4", "s5"]
    assert [one.name for one in drawn.lines if one.grey] == ["euler-ancestral", "s6"]
    part = chart(line("ancestral", 9, 8), line("euler-ancestral", 9, 8, 7))
    assert {one.name: one.grey for one in part.lines} == {"euler-ancestral (= ancestral)": False, "ancestral": True}


@pytest.mark.parametrize(
    "other",
    [line("b", 9, 7), line("b", 9), line("b", 9, 8, fid_low=7), line("b", 1, 1, 1)],
    ids=["other values", "one value", "other intervals", "the end of a bounded metric"],
)
def test_samplers_that_coincide_by_chance_are_no_copies(other: list[dict[str, Any]]) -> None:
    saturated = [line("c", 1, 1, 1)] if other[0]["fid"] == 1 else []
    names = {one.name for one in chart(line("a", 9, 8, 7), other, *saturated).lines}
    assert names == {"a", "b", *(["c"] if saturated else [])}


def timed(sampler: str, *fids: float, speed: float) -> list[dict[str, Any]]:
    rows_ = line(sampler, *fids, timing_valid=True)
    return [row | {"samples_per_s": speed / row["nfe"]} for row in rows_]


def test_against_seconds_the_faster_of_two_copies_takes_the_colour() -> None:
    twins = timed("ancestral", 9, 8, 7, speed=1e3), timed("euler-ancestral", 9, 8, 7, speed=2e3)
    others = [timed(f"s{i}", 20 + i, 20 + i, 20 + i, speed=1e3) for i in range(7)]
    drawn = chart(*twins, *others, cost="seconds")
    assert next(one.name for one in drawn.lines if not one.grey) == "euler-ancestral (= ancestral)"
    assert "ancestral" in [one.name for one in drawn.lines if one.grey]
    untimed = chart(line("ancestral", 9, 8, 7), twins[1], *others, cost="seconds")
    assert "euler-ancestral" in [one.name for one in untimed.lines if not one.grey]


def test_the_frame_holds_the_front_and_the_fastest_sampler_is_in_colour() -> None:
    group_ = group(*(timed(f"s{i}", 5 + i, 5 + i, speed=1e3) for i in range(9)), timed("fast", 300, 200, speed=1e5))
    charts = quality_charts(group_, ["nfe", "seconds"], nothing_usual)
    assert [one.name for one in charts["seconds"].lines if not one.grey][-1] == "fast"
    assert limits(charts["seconds"])[1][1] > 300
    assert [{one.name for one in c.lines if one.grey} for c in charts.values()] == [{"s7", "s8"}] * 2
    grey = replace(charts["seconds"], lines=tuple(replace(one, grey=one.name != "s0") for one in charts["nfe"].lines))
    assert limits(grey)[1][1] < 300
    strong = replace(charts["seconds"].lines[-1], grey=True)
    assert limits(replace(grey, lines=(*grey.lines[:-1], strong)))[1][1] > 200
