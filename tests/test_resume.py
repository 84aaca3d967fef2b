"""Kept statistics: more samples go on from fewer, give what all at once give, and nothing foreign is trusted."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command, Watcher
from images import model
from safetensors.numpy import save
from sweeping import run_cells

from benchbox.bench.cell import Cell
from benchbox.bench.settings import Setting, parse_settings
from benchbox.bench.sweep import Request, expand
from benchbox.executors.local import Local
from benchbox.store.arrays import pack, unpack
from benchbox.store.store import Store
from benchbox.store.verify import inspect_files


def cell(n: int, sampler: str = "heun", metrics: list[str] | None = None, **options: Any) -> Cell:
    settings = [Setting(None, name, [value]) for name, value in options.items()]
    request = Request([sampler], [9], ["gaussian"], metrics=metrics, n_samples=n, batch_size=24, settings=settings)
    (made,) = expand(request)
    return made


def run(store: Store, *cells: Cell, force: bool = False) -> list[dict[str, Any]]:
    return list(run_cells(cells, store, Local(), Watcher(), force))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results")
    made.prepare()
    return made


@pytest.fixture
def fresh(tmp_path: Path) -> Store:
    made = Store(tmp_path / "fresh")
    made.prepare()
    return made


def statistics(store: Store) -> Path:
    (path,) = store.directory.glob("*.safetensors")
    return path


COUNTS = ("nfe", "nfe_max", "n_backward", "clamped", "steps", "stream", "cell")


@pytest.mark.parametrize(
    ("sampler", "options", "first"), [("heun", {}, 40), ("ode", {"method": "dopri5"}, 48), ("ddim", {"eta": 1}, 99)]
)
def test_more_samples_make_only_the_new_ones_and_give_what_all_at_once_give(
    store: Store, fresh: Store, sampler: str, options: dict[str, Any], first: int
) -> None:
    run(store, cell(first, sampler, **options))
    (more,), (whole,) = run(store, cell(100, sampler, **options)), run(fresh, cell(100, sampler, **options))
    assert (more["n_timed"], whole["n_timed"]) == (100 - first, 100)
    assert (more["timing_valid"], whole["timing_valid"]) == (False, True)
    assert more["w2"] == pytest.approx(whole["w2"], rel=1e-6)
    assert {name: more[name] for name in COUNTS} == {name: whole[name] for name in COUNTS}
    assert len(list(store.directory.glob("*.safetensors"))) == 1


def test_fid_of_more_samples_is_that_of_all_at_once(store: Store, fresh: Store, tmp_path: Path) -> None:
    images = model()
    given = ["fid.features=mnist-cnn", "fid.reference=mnist", "gaussian.mean=0", "gaussian.sample_shape=1:28:28",
             "gaussian.data_range=-1:1", "eigenvalues=" + ":".join(map(str, images.eigenvalues))]  # fmt: skip

    def cells(n: int) -> list[Cell]:
        return expand(
            Request(["heun"], [3], ["gaussian"], metrics=["fid"], n_samples=n, settings=parse_settings(given))
        )

    run(store, *cells(80))
    (more,), (whole,) = run(store, *cells(330)), run(fresh, *cells(330))
    assert more["n_timed"] == 250
    for column in ("fid", "fid_low", "fid_high", "fid_inf"):
        assert more[column] == pytest.approx(whole[column], rel=1e-5)
    assert more["fid"] == pytest.approx(whole["fid"], rel=1e-6)
    assert store.statistics.count(statistics(store).stem) == 330


def test_an_adaptive_sampler_goes_on_only_from_whole_blocks_of_noise(store: Store) -> None:
    options = {"sampler": "ode", "method": "dopri5"}
    run(store, cell(40, **options))
    assert run(store, cell(64, **options))[0]["n_timed"] == 64


def test_fewer_samples_are_made_anew_and_leave_the_statistics_of_more(store: Store) -> None:
    run(store, cell(60), cell(30))
    assert store.statistics.count(statistics(store).stem) == 60
    assert run(store, cell(61))[0]["n_timed"] == 1


def test_another_stream_or_another_option_of_the_metric_has_its_own_statistics(store: Store) -> None:
    rows = run(
        store, cell(30), cell(40, s_churn=5), cell(50, metrics=["sw2"]), cell(60, metrics=["sw2"], projections=8)
    )
    assert [row["n_timed"] for row in rows] == [30, 40, 50, 60]
    assert len(list(store.directory.glob("*.safetensors"))) == 4


def test_metrics_go_on_together_or_not_at_all(store: Store) -> None:
    run(store, cell(30, metrics=["w2"]))
    assert run(store, cell(40, metrics=["w2", "sw2"]))[0]["n_timed"] == 40
    assert run(store, cell(50, metrics=["w2", "sw2"]))[0]["n_timed"] == 10


def test_a_forced_run_makes_all_samples(store: Store) -> None:
    run(store, cell(30))
    assert run(store, cell(40), force=True)[0]["n_timed"] == 40


def truncated(path: Path) -> bytes:
    return path.read_bytes()[:-60]


def flipped(path: Path) -> bytes:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    return bytes(data)


def foreign(path: Path) -> bytes:
    return save({"mu": np.zeros(3)})


def renamed(path: Path) -> bytes:
    """Statistics of another stream under this name."""
    report, arrays = unpack(path.read_bytes())
    return pack(report | {"key": "0" * 16 + "-w2-" + "0" * 16}, arrays)


def changed(path: Path) -> bytes:
    """Another number in an array, and nothing else."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    return bytes(data)


def of_another_benchbox(path: Path) -> bytes:
    report, arrays = unpack(path.read_bytes())
    return pack(report | {"format": 3}, arrays)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("exploded"),)


def pickled(path: Path) -> bytes:
    file = io.BytesIO()
    np.savez(file, benchbox=np.array([Bomb()], dtype=object))
    return file.getvalue()


def bare_pickle(path: Path) -> bytes:
    return pickle.dumps(Bomb())


@pytest.mark.parametrize(
    "damage",
    [
        truncated, flipped, changed, foreign, renamed, of_another_benchbox, pickled, bare_pickle, lambda path: b"",
        lambda path: b"\xff" * 100,
    ],
)  # fmt: skip
def test_a_file_that_is_not_the_statistics_is_left_out_with_a_notice(
    store: Store, fresh: Store, damage: Callable[[Path], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(store, cell(30))
    path = statistics(store)
    path.write_bytes(damage(path))
    (more,), (whole,) = run(store, cell(40)), run(fresh, cell(40))
    assert (more["n_timed"], more["w2"]) == (40, whole["w2"])
    (problem,) = store.problems
    assert problem.startswith(f"{path.name} was left out: ")
    assert "\n" not in problem
    assert not Path("exploded").exists()
    assert store.statistics.count(path.stem) == 40  # written anew


def test_a_state_that_does_not_fit_the_metric_is_left_out_with_a_notice(store: Store) -> None:
    run(store, cell(30))
    path = statistics(store)
    report, arrays = unpack(path.read_bytes())
    path.write_bytes(pack(report, {"n": arrays["n"]}))
    assert run(store, cell(40))[0]["n_timed"] == 40
    assert "the stored state of metric w2 was left out" in store.problems[0]


def test_statistics_in_the_format_of_an_older_benchbox_are_named_and_computed_anew(store: Store) -> None:
    run(store, cell(30))
    path = statistics(store)
    old = path.rename(path.with_suffix(".npz"))
    assert run(store, cell(40))[0]["n_timed"] == 40
    inspect_files(store)
    assert store.problems == [f"{old.name} is in the format of an older benchbox: its statistics are computed anew."]


def test_the_command_line_says_what_it_goes_on_from_and_what_it_leaves_out(benchbox: Command) -> None:
    arguments = ("run", "--sampler", "heun", "--nfe", "5", "--model", "gaussian", "--device", "cpu", "--samples")
    benchbox(*arguments, 30)
    plan = benchbox(*arguments, 50, "--dry-run")
    assert "yes, from 30" in plan.out
    assert " 100 " in plan.out  # 20 samples of 5 evaluations
    path = statistics(Store(Path("results")))
    path.write_bytes(truncated(path))
    done = benchbox(*arguments, 50)
    assert done.status == 0
    assert f"{path.name} was left out" in done.err
