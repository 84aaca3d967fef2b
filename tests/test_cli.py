"""The command line, as a user meets it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import Command, Install
from rich.console import Console
from safetensors.torch import save_file

from benchbox import get, load_results, nets, threads
from benchbox.builtins import benchbox_samplers
from benchbox.card import Card, sha256
from benchbox.cli.tables import UNRELIABLE_NOTE, result_table
from benchbox.exact.rules import Trial
from benchbox.registry import BASES, registry
from benchbox.store.store import Store
from benchbox.workers.process import Worker

GAUSSIAN = ("--model", "gaussian", "--samples", "32", "--device", "cpu")
HERE = "--no-isolate"
"""Where the process of a plugin is not what is tested: no other one has to load torch."""


def rows(directory: Path | str = "results") -> pd.DataFrame:
    return load_results(str(directory))


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card of a tiny network that was never trained, with its weights beside it."""
    architecture = {"net": "unet", "channels": 1, "widths": [16], "blocks": 1, "patch": 2, "time_scale": 250.0}
    torch.manual_seed(0)
    net = nets.make_network(architecture, "edm", None, 0.5)  # type: ignore[arg-type]
    weights = tmp_path / "tiny.safetensors"
    save_file(net.state_dict(), weights)
    path = tmp_path / "tiny.json"
    Card(
        name="tiny", dataset="nothing", licence="CC0", shape=[1, 8, 8], data_range=[-1.0, 1.0],
        architecture=architecture, prediction="edm", schedule={"name": "edm"}, sigma_data=0.5, continuous=True,
        grid="karras", features="mnist-cnn", metrics=["fid"], weights=weights.name, sha256=sha256(weights),
    ).write(path)  # fmt: skip
    return path


# run


def test_a_run_ends_with_a_table_rows_and_status_0(benchbox: Command) -> None:
    done = benchbox("run", "--sampler", "heun,ddim", "--nfe", "5,18", *GAUSSIAN, "--set", "eta=0.5")
    assert done.status == 0
    found = rows()
    assert sorted(found["nfe"]) == [5, 5, 17, 18]
    assert np.isfinite(found["w2"]).all()
    assert found["gpu_mem_peak_mb"].isna().all()
    command = "benchbox run --sampler heun,ddim --nfe 5,18 --model gaussian --samples 32 --device cpu --set eta=0.5"
    assert set(found["command"]) == {command}
    for words in ("32 samples, model gaussian, schedule edm, grid karras, seed 0", "NFE asked", "w2", "ddim eta=0.5"):
        assert words in done.out
    assert "4 cells of 32 samples" in done.err
    assert "heun, NFE 18, seed 0: done w2" in done.err


def test_seconds_that_must_not_be_compared_are_marked(benchbox: Command) -> None:
    benchbox("run", "--sampler", "heun", "--nfe", "5", *GAUSSIAN)
    (row,) = Store(Path("results")).table().to_pylist()
    shown = {}
    for valid in (True, False):
        output = StringIO()
        Console(file=output, width=200).print(
            result_table([row | {"wall_s": 1.25, "samples_per_s": 24.5, "timing_valid": valid}])
        )
        shown[valid] = output.getvalue()
    assert {"~1.25", "~24.5"} < set(shown[False].split())
    assert UNRELIABLE_NOTE in " ".join(shown[False].split())
    assert {"1.25", "24.5"} < set(shown[True].split())
    assert "~" not in shown[True]


def test_a_second_run_does_nothing_and_says_so(benchbox: Command) -> None:
    arguments = ("run", "--sampler", "heun", "--nfe", "5", *GAUSSIAN)
    benchbox(*arguments)
    (path,) = Path("results").glob("*.parquet")
    before = path.read_bytes()
    again = benchbox(*arguments)
    assert again.status == 0
    assert "nothing to do: 1 cell measured already, in results" in again.out
    assert again.err == ""
    assert path.read_bytes() == before
    forced = benchbox(*arguments, "--force")
    assert (forced.status, "nothing to do" in forced.out) == (0, False)
    assert path.read_bytes() != before


NOTHING_TO_DO = """
import sys
from benchbox.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code
assert not {"torch", "pandas", "scipy"} & set(sys.modules)
"""


def test_a_run_with_nothing_to_do_imports_neither_torch_nor_pandas(benchbox: Command) -> None:
    arguments = ("run", "--sampler", "ddim", "--nfe", "2", "--samples", "2", "--device", "cpu")
    benchbox(*arguments)
    again = subprocess.run(
        [sys.executable, "-c", NOTHING_TO_DO, *arguments], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout


def test_a_dry_run_shows_the_plan_and_writes_nothing(benchbox: Command) -> None:
    benchbox("run", "--sampler", "heun", "--nfe", "5", *GAUSSIAN)
    dry = benchbox("run", "--sampler", "heun,ald", "--nfe", "5,18", *GAUSSIAN, "--dry-run")
    assert dry.status == 0
    assert "done already" in dry.out
    assert "an NFE of 5 is too small: the smallest is 6" in dry.out
    cells = [[part.strip() for part in line.split("│")] for line in dry.out.splitlines() if "heun" in line]
    assert ["18", "17", "8", "544"] in [cell[3:7] for cell in cells]
    assert len(list(Path("results").glob("*.parquet"))) == 1
    assert benchbox("run", "--sampler", "heun", "--nfe", "5", *GAUSSIAN, "--dry-run", "--results", "other").status == 0
    assert not Path("other").exists()


def test_settings_of_grids_and_schedules_are_seen_in_the_table(benchbox: Command) -> None:
    done = benchbox("run", "--sampler", "ode", "--nfe", "5", *GAUSSIAN, "--set", "rho=5,7", "--set", "ode.frame=vp",
                    "--set", "vp.beta_max=10", "--schedule", "edm")  # fmt: skip
    assert done.status == 0
    assert "karras rho=5.0" in done.out
    assert "ode frame=vp (beta_max=10.0)" in done.out


def test_a_cell_that_failed_makes_status_1_and_one_skipped_by_policy_0(benchbox: Command, installed: Install) -> None:
    installed("oddities", "oddities", None)
    done = benchbox("run", "--sampler", "raises,ddim", "--nfe", "5", *GAUSSIAN)
    assert done.status == 1
    assert "failed (RuntimeError: the middle)" in done.out
    assert sorted(rows()["status"]) == ["done", "failed"]
    assert benchbox("run", "--sampler", "ald", "--nfe", "5", *GAUSSIAN).status == 0
    assert benchbox("run", "--sampler", "slow", "--nfe", "50", *GAUSSIAN, "--timeout", "0.05", HERE).status == 1


WARNS = """
import logging, warnings
from dataclasses import dataclass
from benchbox import Sampler, hookimpl
from benchbox.samplers.ddim import DDIM

@dataclass(frozen=True)
class Warns(DDIM):
    name = "warns"

    def __call__(self, denoise, x, grid, noise):
        warnings.warn("its levels\\033[31m are far apart")
        logging.getLogger("warns.of").warning("a step over %s levels", 2)
        yield from super().__call__(denoise, x, grid, noise)

@hookimpl
def benchbox_samplers():
    return [Warns]
"""


def test_what_a_plugin_warns_of_in_a_worker_is_said_once(benchbox: Command, installed: Install) -> None:
    installed("warns", "warns", WARNS)
    done = benchbox("run", "--sampler", "warns", "--nfe", "3,5", *GAUSSIAN)
    assert done.status == 0
    for said in ("UserWarning: its levels[31m are far apart", "warns.of: a step over 2 levels"):
        assert done.err.count(said) == 1
        assert f"benchbox: warning: {said}\n" in done.err


PLAIN = """
from dataclasses import dataclass
from benchbox import hookimpl
from benchbox.samplers.ddim import DDIM

@dataclass(frozen=True)
class Plain(DDIM):
    name = "plain"

@hookimpl
def benchbox_samplers():
    return [Plain]
"""


def test_one_process_makes_all_samples_of_a_package_whose_code_changes_nothing(
    benchbox: Command, installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Worker] = []
    start = Worker.__init__
    monkeypatch.setattr(Worker, "__init__", lambda self, *limits: (started.append(self), start(self, *limits))[1])
    installed("plain", "plain_sampler", PLAIN)
    words = ("--model", "mnist-edm", "--samples", "64", "--batch-size", "32", "--threads", "2", "--device", "cpu")
    assert benchbox("run", "--sampler", "plain", "--nfe", "1,2", *words).status == 0
    assert len(started) == 1


def test_a_card_of_a_network_runs_like_any_model(benchbox: Command, card: Path, installed: Install) -> None:
    installed("oddities", "oddities", None)
    done = benchbox(
        "run", "--sampler", "heun", "--nfe", "3", "--model", card, "--metric", "gives", "--samples", "2", HERE
    )
    assert done.status == 0
    (found,) = rows().to_dict("records")
    assert (found["model"], found["dataset"], found["nfe"], found["given"]) == ("tiny", "nothing", 3, 2)
    assert found["model_sha256"] == sha256(card.with_suffix(".safetensors"))


# bad input


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--sampler huen --nfe 5", "unknown sampler 'huen': did you mean heun?"),
        ("--sampler heun, --nfe 5", "has an empty name"),
        ("--sampler heun --nfe 0", "--nfe '0' is not valid: the smallest is 1."),
        ("--sampler heun --nfe=-4", "--nfe '-4' is not valid: the smallest is 1."),
        ("--sampler heun --nfe many", "--nfe 'many' is not valid"),
        ("--sampler heun --nfe 50-18:8", "'50-18:8' is a backward range: write 18-50."),
        ("--sampler heun", "needs a budget"),
        ("--sampler heun --nfe 5 --seed x", "--seed 'x' is not valid"),
        ("--sampler ddim --nfe 5 --set eta=high", "ddim.eta=high is not valid: it takes a number."),
        ("--sampler ddim --nfe 5 --set eta=2", "eta must be between 0 and 1"),
        ("--sampler ddim --nfe 5 --set eta", "is not of the form"),
        ("--sampler ddim --nfe 5 --set ata=1", "did you mean eta"),
        ("--sampler heun --nfe 5 --metric fid", "model gaussian"),
        ("--sampler heun --nfe 5 --model mixture --metric w2", "metric w2 needs Gaussian data"),
        ("--sampler heun --nfe 5 --model net.pt", "there is no model 'net.pt': write torchscript:net.pt for a file of"),
        ("--sampler heun --nfe 5 --model net.safetensors", "unknown model 'net.safetensors'"),
        ("--sampler heun --nfe 5 --model none.json", "there is no file none.json."),
        ("--sampler heun --nfe 5 --model gausian", "did you mean gaussian"),
        ("--sampler heun --nfe 5 --schedule xyz", "unknown schedule 'xyz'"),
        ("--sampler heun --nfe 5 --grid lensing", "did you mean leading"),
        ("--sampler heun --nfe 5 --device abacus", "device 'abacus' cannot be used here"),
        ("--sampler heun --nfe 5 --executor cloud", "unknown executor 'cloud': there is local, ray."),
        ("--sampler heun --nfe 18 --nfe-policy exact", "it spends 17 or 19"),
        ("--sampler heun --nfe 5 --samples many", "invalid value for '--samples'"),
        ("--sampler heun --nfe 5 --samples 0", "invalid value for '--samples'"),
        ("--sampler heun --nfe 5 --nfe-policy ceil", "invalid value for '--nfe-policy'"),
        ("--nfe 5", "missing option '--sampler'"),
        ("--sampler heun --nfe 5 --nothing", "no such option: --nothing (see benchbox run --help)"),
        ("--sampler heun --nfe 5 --results file/results", "cannot be written to: Not a directory."),
        ("--sampler heun --nfe 5 --config nowhere.toml", "there is no file nowhere.toml."),
        ("--sampler heun --nfe 5 --set mean=nowhere.npy", "there is no file nowhere.npy."),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(benchbox: Command, arguments: str, says: str) -> None:
    Path("file").touch()
    defaults = [] if "--model" in arguments else ["--model", "gaussian"]
    done = benchbox("run", *defaults, *arguments.split(), *([] if "--samples" in arguments else ["--samples", "4"]))
    assert done.status == 2
    assert says in done.sentence
    assert done.sentence.endswith((".", "?"))
    assert done.out == ""
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("infо heun", "no such command"),
        ("info huen", "unknown plugin 'huen': did you mean heun?"),
        ("list sampler", "unknown kind 'sampler': did you mean samplers?"),
        ("leaderboard nowhere", "there is no results directory nowhere."),
        ("leaderboard --format pdf", "invalid value for '--format'"),
    ],
)
def test_other_commands_say_what_is_wrong_in_one_sentence(benchbox: Command, arguments: str, says: str) -> None:
    done = benchbox(*arguments.split())
    assert done.status == 2
    assert says in done.sentence


def test_a_checkpoint_with_a_wrong_sha_256_stops_the_run(benchbox: Command, card: Path, installed: Install) -> None:
    installed("oddities", "oddities", None)
    weights = card.with_suffix(".safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    done = benchbox("run", "--sampler", "heun", "--nfe", "3", "--model", card, "--metric", "gives", HERE)
    assert done.status == 2
    assert sha256(weights) in done.sentence
    assert "it was changed or damaged" in done.sentence
    assert list(Path("results").glob("*.parquet")) == []


def test_a_network_that_does_not_fit_its_weights_stops_the_run(
    benchbox: Command, card: Path, installed: Install
) -> None:
    installed("oddities", "oddities", None)
    values = json.loads(card.read_text())
    values["architecture"]["widths"] = [32]
    card.write_text(json.dumps(values))
    done = benchbox("run", "--sampler", "heun", "--nfe", "3", "--model", card, "--metric", "gives", HERE)
    assert done.status == 2
    assert "belong to another network (of another shape: down.0.affine.bias, " in done.sentence


def test_a_model_whose_shape_does_not_fit_the_metric_stops_the_run(benchbox: Command, card: Path) -> None:
    done = benchbox("run", "--sampler", "heun", "--nfe", "3", "--model", card, "--metric", "fid")
    assert done.status == 2
    assert "mnist-cnn takes 28×28 images, not 8×8" in done.sentence


def test_a_truncated_file_among_the_results_is_named_and_nothing_is_lost(benchbox: Command) -> None:
    arguments = ("run", "--sampler", "heun", "--nfe", "5,7", *GAUSSIAN)
    benchbox(*arguments)
    first, second = sorted(Path("results").glob("*.parquet"))
    data, other = first.read_bytes()[:-100], second.read_bytes()
    first.write_bytes(data)
    Path("results/stray.parquet").write_bytes(b"")
    done = benchbox(*arguments)
    assert done.status == 0
    said = [line for line in done.err.splitlines() if "was left out" in line]
    assert [line.split()[1] for line in said] == [first.name, "stray.parquet"]
    assert first.with_suffix(".damaged").read_bytes() == data
    assert second.read_bytes() == other
    board = benchbox("leaderboard")
    assert board.status == 0
    assert "stray.parquet was left out" in board.sentence


# --config


def test_a_config_gives_the_options_and_the_command_line_wins(benchbox: Command) -> None:
    Path("sweep.toml").write_text(
        'sampler = ["ddim", "heun"]\nnfe = [5, 7]\nmodel = "gaussian"\nsamples = 8\nbatch-size = 4\n'
        "[set]\nddim.eta = [0.0, 0.5]\ns_churn = 3\n"
    )
    done = benchbox("run", "--config", "sweep.toml", "--nfe", "9", "--dry-run")
    assert done.status == 0
    assert "3 cells of 8 samples" in done.out
    for words in ("ddim eta=0.5", "heun s_churn=3.0"):
        assert words in done.out
    assert benchbox("run", "--config", "sweep.toml").status == 0
    assert sorted(rows()["nfe"]) == [5, 5, 5, 7, 7, 7]
    assert set(rows()["batch_size"]) == {4}


@pytest.mark.parametrize("given", ['"eta=0.5"', '["eta=0.5"]', "{ eta = 0.5 }", '{ "ddim.eta" = "0.5" }'])
def test_the_settings_of_a_config_can_be_written_in_any_of_these_ways(benchbox: Command, given: str) -> None:
    Path("sweep.toml").write_text(f'sampler = "ddim"\nnfe = 5\nmodel = "gaussian"\nset = {given}\n')
    assert "ddim eta=0.5" in benchbox("run", "--config", "sweep.toml", "--dry-run").out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("smpler = 'heun'", "unknown option in sweep.toml 'smpler': did you mean sampler"),
        ("sampler = ", "sweep.toml is not a TOML file: Invalid value"),
        ("samples = 'many'\nsampler = 'heun'", "invalid value for '--samples'"),
        ("[set]\nddim.eta = 'x'", "is not valid: it takes a number"),
    ],
)
def test_a_wrong_config_is_one_sentence(benchbox: Command, text: str, says: str) -> None:
    Path("sweep.toml").write_text(text)
    given = [] if "sampler =" in text else ["--sampler", "ddim"]
    done = benchbox("run", "--config", "sweep.toml", *given, "--nfe", "5", "--model", "gaussian")
    assert done.status == 2
    assert says in done.sentence


# list, info, doctor, help


def test_list_names_every_plugin_and_list_json_is_json(benchbox: Command) -> None:
    done = benchbox("list")
    found = json.loads(benchbox("list", "--json").out)
    for kind in BASES:
        for name in registry().names(kind):
            assert name in done.out
            assert [f["name"] for f in found if f["kind"] == kind and f["name"] == name] == [name]
    (heun,) = (f for f in found if f["name"] == "heun")
    assert heun["options"][0] == {"name": "s_churn", "takes": "a number", "default": 0.0}
    assert {f["kind"] for f in json.loads(benchbox("list", "grids", "--json").out)} == {"grid"}


def test_list_plugins_shows_a_broken_package_and_the_package_of_each_plugin(
    benchbox: Command, installed: Install
) -> None:
    installed("oddities", "oddities", None)
    installed("broken-package", "broken_package", "import nothing_of_that_name")
    done = benchbox("list", "plugins")
    assert done.status == 0
    assert "broken-package 1.0" in done.out
    assert "cannot be imported" in done.out
    sources = json.loads(benchbox("list", "plugins", "--json").out)
    (broken,) = (s for s in sources if s["package"] == "broken-package")
    assert "nothing_of_that_name" in broken["problems"][0]
    assert "oddities 1.0" in benchbox("list", "samplers").out
    doctor = benchbox("doctor")
    assert doctor.status == 1
    assert "broken_package" in doctor.out


def test_info_describes_every_plugin(benchbox: Command) -> None:
    for kind in BASES:
        for name in registry().names(kind):
            if name.startswith("mnist-"):
                continue
            done = benchbox("info", name)
            assert done.status == 0, done.err
            assert f"{kind} {name} (benchbox-diffusion" in done.out
            for option in registry().defaults(kind, name):
                assert option in done.out
    assert "order: 2" in benchbox("info", "heun").out
    assert "sampler ancestral" in benchbox("info", "ddpm").out
    assert "schedule ddpm" in benchbox("info", "ddpm").out


def test_doctor_says_what_works(benchbox: Command) -> None:
    done = benchbox("doctor", "--json")
    found = {check["what"]: check["ok"] for check in json.loads(done.out)}
    assert found["torch"] is True
    assert found["CPU"] is True
    assert done.status == (1 if False in found.values() else 0)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("run", "--help")])
def test_help_is_status_0(benchbox: Command, arguments: tuple[str, ...]) -> None:
    done = benchbox(*arguments)
    assert (done.status, done.err) == (0, "")
    assert "Usage: benchbox" in done.out


IMPORTS = """
import os, sys
from benchbox.cli.main import main
for arguments in (["--help"], ["run", "--help"], ["list"], ["list", "plugins"], ["info", "heun"], ["info", "gaussian"]):
    sys.argv = ["benchbox", *arguments]
    try:
        main()
    except SystemExit as end:
        assert not end.code, arguments
    assert os.environ.get("OMP_WAIT_POLICY") == "passive"  # which torch reads when it is loaded
    assert not {"torch", "pandas", "scipy"} & set(sys.modules), arguments
"""


def test_help_list_and_info_import_no_torch_and_threads_will_wait_passively() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in threads.CHOICES}
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


# leaderboard


def test_the_leaderboard_ranks_what_may_be_compared(benchbox: Command, installed: Install) -> None:
    installed("oddities", "oddities", None)
    benchbox("run", "--sampler", "heun,ddim,liar,raises", "--nfe", "18", *GAUSSIAN, "--set", "eta=0,0.5", HERE)
    benchbox("run", "--sampler", "ddim", "--nfe", "9", *GAUSSIAN)
    benchbox("run", "--sampler", "ddim", "--nfe", "9", *GAUSSIAN, "--samples", "64")
    benchbox("run", "--sampler", "ode", *GAUSSIAN, "--set", "method=dopri5")
    benchbox("run", "--sampler", "ddim", "--nfe", "18", "--model", "mixture", "--samples", "32")
    board = pd.read_csv(StringIO(benchbox("leaderboard", "--format", "csv").out))
    w2 = board[(board["metric"] == "w2") & (board["nfe_requested"] == 18)]
    ranked, unranked = w2[w2["rank_low"].notna()], w2[w2["rank_low"].isna()]
    assert len(ranked) == 3
    assert ranked["value"].is_monotonic_increasing
    assert (ranked["rank_low"] <= [1, 2, 3]).all()
    assert (ranked["rank_high"] >= [1, 2, 3]).all()
    assert set(unranked["status"]) == {"dishonest", "failed"}
    alone = board[(board["metric"] == "sw2") | (board["nfe_requested"] != 18)]
    assert list(alone["rank_low"]) == list(alone["rank_high"]) == [1, 1, 1, 1]
    assert set(board[board["metric"] == "sw2"]["model"]) == {"mixture"}


def test_the_leaderboard_is_read_by_people(benchbox: Command) -> None:
    benchbox("run", "--sampler", "heun,ddim", "--nfe", "18", *GAUSSIAN, "--set", "eta=0.5", "--set", "s_churn=0,4")
    done = benchbox("leaderboard")
    assert done.status == 0
    title, *_ = done.out.splitlines()
    assert title == "gaussian, NFE 18: w2 of 32 samples against gaussian, schedule edm, grid karras, 1 seed each"
    for words in ("ddim eta=0.5", "heun s_churn=4.0", "rank"):
        assert words in done.out
    assert "{" not in done.out
    assert benchbox("leaderboard", "--output", "board.txt").out == ""
    assert "heun s_churn=4.0" in Path("board.txt").read_text()
    assert "cannot be written: No such file" in benchbox("leaderboard", "--output", "none/board.txt").sentence


def test_rows_of_a_package_that_is_not_installed_are_named_by_what_tells_them_apart(
    benchbox: Command, installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("oddities", "oddities", None)
    benchbox("run", "--sampler", "hungry,ddim", "--nfe", "5,9", *GAUSSIAN, "--set", "hungry.fits=100", HERE)
    assert "hungry fits=100" in benchbox("leaderboard").out
    monkeypatch.setenv("BENCHBOX_PLUGINS", "off")
    registry.cache_clear()
    text = benchbox("leaderboard").out
    assert "hungry" in text
    assert "fits" not in text
    assert benchbox("compare", "hungry", "ddim").status == 0


def test_a_leaderboard_of_some_budgets_and_of_the_first_lines(benchbox: Command) -> None:
    run = ("run", "--model", "gaussian", "--samples", 100, "--metric", "w2")
    assert benchbox(*run, "--sampler", "ddim,heun,ancestral", "--nfe", "5,7,9").status == 0
    text = benchbox("leaderboard", "--format", "markdown", "--nfe", "5-7", "--top", 1).out
    assert re.findall(r"NFE (\d)", text) == ["5", "7"]
    assert (text.count("- 2 more\n"), len(re.findall(r"^\| \**\d", text, re.MULTILINE))) == (2, 2)
    assert not re.search(r"^- \d+ more$", benchbox("leaderboard", "--format", "markdown", "--top", 3).out, re.MULTILINE)
    assert "unknown budget among the rows '6': there is 5, 7, 9" in benchbox("leaderboard", "--nfe", 6).sentence
    assert "not with csv" in benchbox("leaderboard", "--format", "csv", "--top", 1).sentence
    assert len(pd.read_csv(StringIO(benchbox("leaderboard", "--format", "csv", "--nfe", 9).out))) == 3


def test_a_leaderboard_of_the_boards_that_have_a_sampler(benchbox: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ("run", "--model", "gaussian", "--samples", 16, "--metric", "w2")
    assert benchbox(*run, "--sampler", "ddim,heun", "--nfe", "5,7").status == 0
    assert benchbox(*run, "--sampler", "ddim", "--nfe", 9).status == 0
    text = benchbox("leaderboard", "--format", "markdown", "--sampler", "heun").out
    assert re.findall(r"NFE (\d)", text) == ["5", "7"]
    assert "sampler among the rows 'hen': did you mean heun" in benchbox("leaderboard", "--sampler", "hen").sentence
    assert benchbox("leaderboard").err == ""
    monkeypatch.setattr("benchbox.cli.leaderboard.MANY", 3)
    assert "these are 3 boards: choose with --sampler, --model" in benchbox("leaderboard").sentence


def test_an_empty_directory_has_no_leaderboard(benchbox: Command) -> None:
    Path("empty").mkdir()
    done = benchbox("leaderboard", "empty")
    assert done.status == 2
    assert "there are no rows in empty: benchbox run makes them" in done.sentence


# interrupts and pipes


def command(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchbox", *arguments], cwd=cwd, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # a suite that was started in the background hands its ignored SIGINT on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def test_an_interrupt_keeps_the_finished_rows_and_says_how_to_go_on(tmp_path: Path) -> None:
    done = command(
        "run", "--sampler", "ddim", "--nfe", "2,9000", "--model", "gaussian", "--batch-size", "1", cwd=tmp_path
    )
    finished: list[Any] = []
    until = time.monotonic() + 600
    while not finished and done.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
        finished = list(tmp_path.glob("results/*.parquet"))
    done.send_signal(signal.SIGINT)
    _, err = done.communicate(timeout=600)
    assert done.returncode == 130
    assert "stopped: 1 of 2 cells are in results; resume with: benchbox run --sampler ddim" in err
    assert "Traceback" not in err
    assert list(rows(tmp_path / "results")["nfe"]) == [2]
    # the first cell's row and statistics, and what is finished of the second
    files = sorted(p.suffix for p in (tmp_path / "results").iterdir() if p.is_file())
    assert files in ([".parquet", ".safetensors"], [".parquet", ".part", ".safetensors"])


def test_a_reader_that_leaves_a_pipe_early_is_no_error(tmp_path: Path) -> None:
    done = command("list", "--json", cwd=tmp_path)
    assert done.stdout is not None
    done.stdout.close()
    assert done.stderr is not None
    err = done.stderr.read()
    done.wait(timeout=600)
    assert err == ""


@pytest.mark.parametrize("name", [sampler.name for sampler in benchbox_samplers() if not sampler.uses_measurement])
def test_info_states_the_evaluations_that_the_default_options_spend(benchbox: Command, name: str) -> None:
    """Counted, not the class's attribute: annealed-langevin takes five Langevin steps at each level."""
    sampler = get("sampler", name)
    spent = [Trial.of(sampler, get("schedule", "vp")).spent(n) for n in (9, 10)]
    each = spent[1] - spent[0]
    besides = spent[1] - 9 * each
    stated = f"{each:g}, and {besides:g} more in a run" if besides else f"{each:g}"
    assert f"evaluations per interval: {stated}\n" in benchbox("info", name).out
