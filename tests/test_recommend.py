"""benchbox recommend and compare: what the rows can tell, and what to run where they cannot."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from report_rows import known, nothing_usual, rows

from benchbox.commas import name_list
from benchbox.errors import UsageError
from benchbox.report.choices import Choice, measured_choices
from benchbox.report.compare import better_of, of_directories, of_samplers, pair_sheets
from benchbox.report.ranking import boards
from benchbox.report.recommend import for_target, for_time
from benchbox.store.store import Store

DDIM = {"sampler": "ddim", "sampler_options": '{"eta": 0.0}'}


def at(nfe: int, fid: float, error: float | None, **more: Any) -> dict[str, Any]:
    """A row whose cost grows with its evaluations."""
    value = {"fid": fid} if error is None else known(fid, error)
    return {"nfe_requested": nfe, "nfe": float(nfe), "samples_per_s": 1000 / nfe} | value | more


ROWS = rows(
    at(10, 9.0, 0.1), at(20, 5.0, 0.1), at(50, 4.0, 0.1), at(10, 6.0, 0.1, **DDIM), at(20, 5.05, 0.1, **DDIM),
    at(50, 4.5, 0.1, **DDIM),
)  # fmt: skip


def picked(choice: Choice | None) -> tuple[str, int | None] | None:
    return choice and (choice.entry.setup.sampler, choice.board.budget)


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (9.0, ("ddim", 10)), (5.5, ("heun", 20)), (5.2, ("heun", 20)), (5.1, ("heun", 50)), (4.2, ("heun", 50)),
        (4.0, None),
    ],
)  # fmt: skip
def test_the_cheapest_whose_interval_is_below_the_target(target: float, wanted: tuple[str, int] | None) -> None:
    answer = for_target(measured_choices(boards(ROWS), "net"), "net", target, nothing_usual)
    assert picked(answer.choice) == wanted


def test_what_may_reach_the_target_is_measured_with_more_seeds() -> None:
    answer = for_target(measured_choices(boards(ROWS), "net"), "net", 3.9, nothing_usual)
    assert answer.choice is None
    assert "the rows cannot tell" in answer.why
    assert "--sampler heun --nfe 50 " in answer.command
    assert answer.command.endswith("--seed 1,2,3")


def test_a_target_out_of_reach_asks_for_a_sweep_at_higher_budgets() -> None:
    answer = for_target(measured_choices(boards(ROWS), "net"), "net", 1.0, nothing_usual)
    assert answer.command == (
        "benchbox run --sampler heun,ddim --nfe 100,200 --model net --samples 1000 --seed 0,1,2"
    )  # fmt: skip


def test_a_value_of_unknown_uncertainty_is_never_enough() -> None:
    answer = for_target(measured_choices(boards(rows(at(10, 3.0, None))), "net"), "net", 4.0, nothing_usual)
    assert answer.choice is None
    assert "--seed 1,2,3" in answer.command


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(10.0, ("ddim", 10)), (30.0, ("heun", 20)), (60.0, ("heun", 50)), (5.0, None)]
)
def test_the_best_within_a_time(seconds: float, wanted: tuple[str, int] | None) -> None:
    answer = for_time(measured_choices(boards(ROWS), "net"), "net", seconds, nothing_usual)
    assert picked(answer.choice) == wanted
    assert wanted or "--nfe 5 " in answer.command


def test_of_those_tied_for_the_best_the_cheapest() -> None:
    tied = rows(at(50, 4.0, 0.1), at(20, 4.05, 0.1, **DDIM), at(10, 9.0, 0.1))
    answer = for_time(measured_choices(boards(tied), "net"), "net", 100.0, nothing_usual)
    assert picked(answer.choice) == ("ddim", 20)
    assert "the cheapest of the 2 that are tied" in answer.why


def test_times_of_another_device_do_not_count() -> None:
    gpu = at(50, 3.0, 0.1, sampler="quick", device="H100", samples_per_s=1e6)
    answer = for_time(measured_choices(boards(rows(*ROWS.to_dict("records"), gpu)), "net"), "net", 60.0, nothing_usual)
    assert picked(answer.choice) == ("heun", 50)


def test_entries_timed_under_load_do_not_choose_the_device() -> None:
    busy = [at(n, 9.0, 0.1, sampler="slow", device="H100", timing_valid=False) for n in range(60, 70)]
    answer = for_time(
        measured_choices(boards(rows(*ROWS.to_dict("records"), *busy)), "net"), "net", 60.0, nothing_usual
    )
    assert picked(answer.choice) == ("heun", 50)


def test_without_a_time_of_a_machine_at_rest_it_is_asked_for() -> None:
    busy = [line | {"timing_valid": False} for line in ROWS.to_dict("records")]
    answer = for_time(measured_choices(boards(rows(*busy)), "net"), "net", 60.0, nothing_usual)
    assert (answer.choice, answer.why) == (
        None, "the rows cannot tell: no row of model net has a valid time; timings taken under load are unreliable.",
    )  # fmt: skip
    assert "--sampler heun,ddim --nfe 10,20,50 " in answer.command
    assert answer.command.endswith(" --exclusive --force")


def test_the_most_samples_count() -> None:
    few = at(10, 1.0, 0.1, n_samples=100)
    (choice,) = measured_choices(boards(rows(few, at(10, 5.0, 0.1))), "net")
    assert choice.entry.value == 5.0


def test_a_model_of_which_nothing_is_known_gets_a_first_sweep() -> None:
    answer = for_target(measured_choices(boards(ROWS), "other"), "other", 3.0, nothing_usual)
    assert answer.choice is None
    assert shlex.split(answer.command)[:4] == ["benchbox", "run", "--sampler", "ancestral,ddim,heun"]
    assert "--model other" in answer.command


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_target_or_a_time_is_above_zero(value: float) -> None:
    for ask in (for_target, for_time):
        with pytest.raises(UsageError, match="is not valid: it must be above 0"):
            ask(measured_choices(boards(ROWS), "net"), "net", value, nothing_usual)


def test_a_hostile_name_cannot_end_its_word_in_a_command() -> None:
    evil = rows(at(10, 4.0, 0.1, sampler="x; rm -rf /", schedule="$(reboot)", command=""))
    answer = for_target(measured_choices(boards(evil), "net"), "net", 5.0, nothing_usual)
    words = shlex.split(answer.command)
    assert words[words.index("--sampler") + 1] == "x; rm -rf /"
    assert words[words.index("--schedule") + 1] == "$(reboot)"


# compare


def test_two_samplers_are_compared_over_shared_noise() -> None:
    noise = [0.3, -0.4, 0.2]
    both = rows(
        *(at(10, 5.0 + n, None, seed=s) for s, n in enumerate(noise)),
        *(at(10, 4.9 + n + 0.001 * s, None, seed=s, **DDIM) for s, n in enumerate(noise)),
    )
    (pair,) = of_samplers(boards(both), "heun", "ddim eta=0.0", nothing_usual)
    assert (pair.difference.paired, pair.difference.pairs) == (True, 3)
    assert pair.difference.estimate.value == pytest.approx(-0.099)
    assert better_of(pair) == "B"
    (sheet,) = pair_sheets([pair], nothing_usual)
    assert sheet.title.startswith("net: fid (mnist-cnn) of 1,000 samples against mnist, schedule edm")
    assert [cell.text for cell in sheet.lines[0]][-2:] == ["paired, 3 seeds", "B"]


def test_one_seed_each_is_compared_by_the_intervals_and_unpaired() -> None:
    found = of_samplers(boards(ROWS), "heun", "ddim", nothing_usual)
    assert [(p.board.budget, better_of(p), p.difference.paired) for p in found] == [
        (10, "B", False), (20, "tied", False), (50, "A", False),
    ]  # fmt: skip
    assert found[0].difference.estimate.error == pytest.approx(0.1 * 2**0.5, rel=1e-4)


def test_two_directories_are_compared_where_both_measured_whatever_the_version() -> None:
    new = rows(at(10, 8.0, 0.1, sampler_version="9.9"), at(20, 5.0, 0.1, sampler="other"))
    (pair,) = of_directories(boards(ROWS), boards(new))
    assert (pair.a.value, pair.b.value, better_of(pair)) == (9.0, 8.0, "B")


def test_without_an_interval_there_is_no_verdict() -> None:
    found = of_samplers(boards(rows(at(10, 5.0, None), at(10, 9.0, None, **DDIM))), "heun", "ddim", nothing_usual)
    assert [better_of(p) for p in found] == ["?"]


# the commands


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The rows on disk, in two directories of a published folder."""
    for i, row in enumerate(ROWS.to_dict("records")):
        store = Store(tmp_path / "published" / f"part{i % 2}")
        store.prepare()
        store.put({k: v for k, v in row.items() if v == v} | {"cell": f"{i:016x}", "metric_options": '{"fid": {}}'})
    return tmp_path / "published"


def test_the_commands_read_a_folder_of_folders(benchbox: Command, results: Path) -> None:
    board = benchbox("leaderboard", results, "--model", "net")
    assert board.status == 0
    assert "ddim" in board.out
    answer = benchbox("recommend", results, "--model", "net", "--target-fid", "4.8")
    assert answer.status == 0
    sentence, command = answer.out.splitlines()
    assert sentence.startswith("heun (schedule edm, grid karras) with 50 evaluations: fid 4 (95 % interval 3.804 to")
    assert name_list(shlex.split(command)[3], "--sampler") == ["heun"]
    assert benchbox("recommend", results, "--model", "net", "--target-fid", "1").status == 1
    quick = benchbox("recommend", results, "--model", "net", "--time-budget", "20")
    assert "It is the best of 4 measured setups within 20 s, and the cheapest of the 2 that are tied." in quick.out
    compared = benchbox("compare", "heun", "ddim", "--results", results)
    assert compared.status == 0
    assert compared.out.count("unpaired") >= 3
    assert benchbox("compare", results, results).out.count("tied") == 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("recommend published", "give one of --target-fid and --time-budget"),
        ("recommend published --target-fid 3 --time-budget 4", "give one of --target-fid and --time-budget"),
        ("recommend nowhere --target-fid 3", "there is no results directory nowhere"),
        ("compare heun euler --results published", "heun and euler share no board in published"),
        ("leaderboard published --metric fit", "unknown metric among the rows 'fit': did you mean fid"),
        (
            "leaderboard published --format json --published",
            "--published works with the formats table, markdown, latex and html",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(benchbox: Command, results: Path, arguments: str, says: str) -> None:
    done = benchbox(*arguments.split())
    assert done.status == 2
    assert says in done.sentence
