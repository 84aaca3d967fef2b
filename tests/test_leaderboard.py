"""Boards from synthetic rows: what is compared, pooled, ranked and listed."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from report_rows import known, nothing_usual, rows

from benchbox.guidance import NO_LIMIT
from benchbox.report.board import Board, chosen_by_command
from benchbox.report.headings import board_title as title
from benchbox.report.headings import series_headings
from benchbox.report.leaderboard import sheet, sheets
from benchbox.report.published import published, published_figures, sheets_with_published
from benchbox.report.ranking import boards

ETA = {"sampler": "ddim", "sampler_options": '{"eta": 0.0}'}


def one(*lines: dict[str, Any]) -> Board:
    (board,) = boards(rows(*lines))
    return board


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "cifar10"}, {"model": "other"}, {"model_sha256": "cd"}, {"model_options": '{"k": 3}'},
        {"n_samples": 50_000}, {"fid_features": "inception"}, {"fid_reference": "test"},
        {"nfe_requested": 20},
    ],
)  # fmt: skip
def test_what_may_not_be_compared_is_on_boards_of_its_own(other: dict[str, Any]) -> None:
    found = boards(rows({"fid_reference": "train"}, ETA | {"fid_reference": "train"} | other))
    assert [len(board.entries) for board in found] == [1, 1]


def test_metrics_have_boards_of_their_own_and_a_row_is_on_those_it_was_asked_for() -> None:
    both = '{"fid": {}, "w2": {}}'
    found = boards(rows({"metric_options": both, "w2": 0.1}, ETA | {"w2": None}))
    assert [(b.task.metric, len(b.entries)) for b in found] == [("fid", 2), ("w2", 1)]


def test_seeds_are_pooled_and_a_seed_that_was_measured_twice_counts_once() -> None:
    board = one(
        *({"seed": s, "fid": v} for s, v in ((0, 3.0), (1, 4.0), (2, 5.0), (2, 5.0))), {"cuda": "12", "fid": 8.0}
    )
    (entry,) = board.entries
    assert entry.seeds == (0, 1, 2)
    assert entry.values == {(0, False): 3.0, (0, True): 8.0, (1, False): 4.0, (2, False): 5.0}
    assert entry.value == 5.0
    assert len(entry.cells) == 5


def test_one_seed_has_the_interval_of_its_row_or_a_question_mark() -> None:
    board = one(known(4.0, 0.1), ETA | {"fid": 5.0})
    first, second = board.entries
    assert (first.low, first.high) == (pytest.approx(4.0 - 0.196, abs=1e-4), pytest.approx(4.196, abs=1e-4))
    assert (first.sure, second.sure) == (True, False)
    lines = [[cell.text for cell in line] for line in sheet(board, nothing_usual).lines]
    assert [line[0] for line in lines] == ["1", "2?"]
    assert lines[1][4] == "?"


def test_a_tie_is_a_range_and_what_may_be_best_is_bold() -> None:
    board = one(known(4.0, 0.1), ETA | known(4.05, 0.1), ETA | {"sampler": "euler"} | known(9.0, 0.1))
    shown = sheet(board, nothing_usual)
    assert [line[0].text for line in shown.lines] == ["1–2", "1–2", "3"]
    assert [line[0].style for line in shown.lines] == ["bold", "bold", ""]


def test_a_metric_of_which_more_is_better_is_ranked_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbox.report.prepared import RANKED, Ranked

    monkeypatch.setitem(RANKED, "fid", Ranked("fid", highest=True))
    board = one(known(4.0, 0.1), ETA | known(5.0, 0.1))
    assert [(e.setup.sampler, e.rank_low, e.rank_high) for e in board.entries] == [("ddim", 1, 1), ("heun", 2, 2)]
    assert board.entries[1].behind is not None
    assert board.entries[1].behind.estimate.value == pytest.approx(1.0)


def test_shared_noise_cancels_in_the_distance_to_the_best() -> None:
    noise = [0.3, -0.2, 0.5]
    shared = [{"seed": s, "fid": 4 + n} for s, n in enumerate(noise)]
    other = [ETA | {"seed": s, "fid": 4.1 + n + 0.001 * s} for s, n in enumerate(noise)]
    board = one(*shared, *other)
    behind = board.entries[1].behind
    assert behind is not None
    assert (behind.paired, behind.pairs) == (True, 3)
    assert behind.estimate.value == pytest.approx(0.101)
    assert behind.estimate.error == pytest.approx(0.001 / 3**0.5)
    on_gpu = [line | {"cuda": "12"} for line in other]
    assert not one(*shared, *on_gpu).entries[1].behind.paired  # type: ignore[union-attr]


REFERENCES = ("mnist train 60000 741c9888", "mine.npz")


def test_a_value_that_all_lines_share_is_in_the_title() -> None:
    shown = sheet(one({}, ETA | {"grid": "leading"}), nothing_usual)
    assert shown.columns == ("rank", "sampler", "grid", "NFE", "fid", "±", "behind", "s / 1,000", "MB")
    assert shown.title.endswith("recommended schedule and grid, schedule edm for all, 1 seed each")
    alone = sheet(one({}), nothing_usual)
    assert "for all" not in alone.title
    assert "seeds" in alone.columns
    shown = sheet(one({}, {"seed": 1}, ETA | {"grid": "leading", "schedule": "vp"}), nothing_usual)
    assert {"schedule", "grid", "seeds"} < set(shown.columns)


def test_a_cost_that_fewer_than_half_of_the_lines_have_is_left_out() -> None:
    busy = [{"sampler": name, "timing_valid": False} for name in ("a", "b")]
    assert "s / 1,000" in sheet(one({}, busy[0]), nothing_usual).columns
    shown = sheet(one({}, *busy), nothing_usual)
    assert "s / 1,000" not in shown.columns


def test_what_is_not_done_has_no_rank_and_says_why() -> None:
    board = one(
        {}, {"sampler": "liar", "status": "dishonest", "reason": "it spent 12 of 10", "nfe": 12.0},
        {"sampler": "liar", "status": "dishonest", "reason": "it spent 12 of 10", "nfe": 12.0, "seed": 1},
        {"sampler": "bad", "status": "failed", "reason": "ValueError: no", "fid": None, "fid_features": None},
    )  # fmt: skip
    assert [e.setup.sampler for e in board.entries] == ["heun"]
    assert sheet(board, nothing_usual).notes == (
        "not ranked: bad (seed 0): failed (ValueError: no)",
        "not ranked: liar (seeds 0, 1): dishonest (it spent 12 of 10)",
    )


def test_a_budget_that_was_not_met_exactly_is_shown_as_measured() -> None:
    shown = sheet(one({"nfe_requested": 18, "nfe": 17.0}), nothing_usual)
    assert "NFE 18" in shown.title
    assert shown.lines[0][shown.columns.index("NFE")].text == "17"


def test_a_title_names_the_images_of_the_reference_without_their_hash() -> None:
    terms = [
        title(one({"fid_reference": name}), nothing_usual).split(" samples ")[1].split(", ")[0] for name in REFERENCES
    ]
    assert terms == ["against mnist train (60,000 images)", "against mine.npz"]


def test_two_boards_of_one_title_name_the_checksums_in_which_they_differ() -> None:
    labels = ("mnist train 60000 741c9888", "mnist train 60000 0badcafe", "mnist test 10000 12345678")
    found = boards(rows(*({"fid_reference": name} for name in labels)))
    titles = [made.title for made in sheets(found, nothing_usual)]
    assert sorted(text.partition("reference ")[2] for text in titles) == ["", "0badcafe", "741c9888"]
    assert len(set(series_headings(found, nothing_usual))) == 3
    found = boards(rows({"model_sha256": "ab" * 32}, {"model_sha256": "cd" * 32}))
    assert {made.title.partition("weights ")[2] for made in sheets(found, nothing_usual)} == {"abababab", "cdcdcdcd"}


def test_budgets_of_methods_without_a_continuous_limit_have_titles_of_their_own() -> None:
    found = boards(rows(*({"nfe_requested": n, "reason": NO_LIMIT} for n in (10, 20))))
    titles = [title(board, nothing_usual, budgets=False) for board in found]
    assert {text.partition(":")[0] for text in titles} == {"net, NFE 10", "net, NFE 20"}
    assert {text.partition(":")[0] for text in series_headings(found, nothing_usual)} == {"NFE 10", "NFE 20"}


def test_adaptive_samplers_have_a_board_without_a_budget() -> None:
    (board,) = boards(rows({"nfe_requested": None, "nfe": 23.5}))
    assert board.budget is None
    assert ", adaptive:" in title(board, nothing_usual)


def test_the_cost_is_of_one_device_and_of_valid_times() -> None:
    board = one(
        {"samples_per_s": 100.0}, {"seed": 1, "samples_per_s": 50.0},
        {"seed": 2, "device": "H100", "samples_per_s": 9.0}, {"seed": 3, "timing_valid": False, "samples_per_s": 1.0},
        ETA | {"device": "H100", "gpu_mem_peak_mb": 7.0},
    )  # fmt: skip
    costs = {e.setup.sampler: e.cost for e in board.entries}
    assert (costs["heun"].seconds, costs["heun"].memory_mb, costs["heun"].device) == (15.0, 500.0, "CPU")
    assert (costs["ddim"].memory_mb, costs["ddim"].device) == (7.0, "H100")


def test_load_on_the_machine_leaves_the_seconds_out_and_keeps_the_memory() -> None:
    busy = {"timing_valid": False, "device": "H100", "gpu_mem_peak_mb": 7.0}
    (alone,) = one(busy).entries
    assert (math.isnan(alone.cost.seconds), alone.cost.memory_mb, alone.cost.device) == (True, 7.0, "H100")
    (both,) = one(busy | {"gpu_mem_peak_mb": 9.0}, busy | {"seed": 1, "timing_valid": True}).entries
    assert (both.cost.seconds, both.cost.memory_mb) == (10.0, 9.0)


def test_versions_and_precisions_are_told_apart() -> None:
    board = one({}, {"sampler_version": "0.2.0"}, {"dtype": "float16"})
    names = [line[1].text for line in sheet(board, nothing_usual).lines]
    assert sorted(names) == [
        "heun, dtype float16, benchbox-diffusion 0.1.0", "heun, dtype float32, benchbox-diffusion 0.1.0",
        "heun, dtype float32, benchbox-diffusion 0.2.0",
    ]  # fmt: skip


# schedules and grids


def levels(*lines: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(b.levels, sorted(f"{e.setup.sampler} {e.setup.grid}" for e in b.entries)) for b in boards(rows(*lines))]


def test_one_grid_for_all_and_recommended_grids_are_separate_boards() -> None:
    leading = ETA | {"grid": "leading"}
    asked = {"command": "benchbox run --sampler heun,ddim --grid karras --nfe 10"}
    assert levels({}, ETA) == [("same", ["ddim karras", "heun karras"])]
    assert levels({}, leading) == [("recommended", ["ddim leading", "heun karras"])]
    assert levels({}, leading, asked | ETA) == [
        ("recommended", ["ddim leading", "heun karras"]), ("same", ["ddim karras", "heun karras"]),
    ]  # fmt: skip
    assert levels(asked, asked | ETA, asked | leading) == [
        ("same", ["ddim karras", "heun karras"]), ("same", ["ddim leading"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "is_chosen"),
    [
        ("benchbox run --sampler heun --nfe 5", False), ("", False), ("benchbox run --sampler 'heun", False),
        ("benchbox run --grid karras", True), ("benchbox run --schedule=vp", True), ("benchbox run --config a", True),
        ("benchbox run --set rho=5", True), ("benchbox run --set=karras.rho=5", True),
        ("benchbox run --set heun.s_churn=4", False),
    ],
)  # fmt: skip
def test_a_command_that_names_levels_or_their_options_chose_them(command: str, is_chosen: bool) -> None:
    assert chosen_by_command(command, '{"sigma_min": 0.1}', '{"rho": 7.0}') is is_chosen


def test_no_interval_goes_below_zero() -> None:
    (board,) = boards(rows(known(1.0, 2.0)))
    assert board.entries[0].low == 0
    assert board.entries[0].high == pytest.approx(4.92)


# published figures


def test_published_figures_stand_beside_a_board_and_are_not_ranked() -> None:
    table = published()
    assert list(table.columns) == ["source", "dataset", "model", "sampler", "variant", "nfe", "fid"]
    assert len(table) > 400
    assert (table["fid"] > 0).all()
    assert table["source"].str.len().min() > 5
    board = one({"dataset": "cifar10"})
    assert set(published_figures(board)["dataset"]) == {"CIFAR-10 32"}
    assert set(published_figures(board)["nfe"]) == {10}
    first, second = sheets_with_published([board], nothing_usual)
    assert first == sheet(board, nothing_usual)
    assert "never ranked" in second.title
    assert {cell.style for line in second.lines for cell in line} == {"italic"}
    assert "rank" not in second.columns
    assert len(list(sheets_with_published([one({"dataset": "moons"})], nothing_usual))) == 1


def test_another_guidance_or_another_scale_is_another_target_and_never_ranked_with_it() -> None:
    options = [json.dumps({"scale": scale, "rescale": 0.0}) for scale in (1.5, 3.0)]
    guided = [{"guidance": "cfg", "guidance_options": text} | known(4.0, 0.1) for text in options]
    of_denoiser = guided[0] | {"nfe_of": "denoiser"}
    found = boards(rows(known(5.0, 0.1), *guided, of_denoiser))
    assert [len(board.entries) for board in found] == [1, 1, 1, 1]
    titles = [title(board, lambda *_: {"rescale": 0.0}) for board in found]
    assert {text.split(":")[0] for text in titles} == {
        "net, NFE 10", "net, cfg scale=1.5, NFE 10", "net, cfg scale=1.5, NFE 10 of the denoiser",
        "net, cfg scale=3.0, NFE 10",
    }  # fmt: skip
