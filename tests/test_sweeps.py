"""Sweeps that survive: killed, interrupted, shared by several processes, cut into shards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from conftest import Command, Install, Watcher
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeping import measure, run_cells

from benchbox.bench.cell import Cell
from benchbox.bench.cell_run import CellRun, TaskLimits
from benchbox.bench.plan import plan_sweep
from benchbox.bench.row import initial_row, missing_metrics, now
from benchbox.bench.run import Run
from benchbox.bench.settings import parse_settings
from benchbox.bench.shard_result import Shard, ShardResult, shards
from benchbox.bench.sweep import Request, expand
from benchbox.bench.task import MakeSamples
from benchbox.executors.local import Local
from benchbox.stopping import Interrupted, stoppable
from benchbox.store import schema
from benchbox.store.leases import Leases
from benchbox.store.store import Store
from benchbox.workers.wire import TaskMessage

HERE = Path(__file__).parent


def cells(n: int = 100, samplers: str = "heun", nfe: tuple[int, ...] = (9,), **request: Any) -> list[Cell]:
    settings = parse_settings(request.pop("settings", []))
    given = {"metrics": ["w2"], "batch_size": 16, **request}
    return expand(Request(samplers.split(","), nfe, ["gaussian"], n_samples=n, settings=settings, **given))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results")
    made.prepare()
    return made


def lasting(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The rows by their cells, without what is measured."""
    return {row["cell"]: {k: v for k, v in row.items() if k not in schema.MEASURED} for row in rows}


def stored(directory: Path) -> list[dict[str, Any]]:
    """The rows in a results directory."""
    return [row for path in sorted(directory.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def forked(what: str, directory: Path) -> list[str]:
    """What the script prints."""
    command = [sys.executable, str(HERE / "forked.py"), what, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


# shards


@settings(deadline=None)
@given(n=st.integers(1, 900), begin=st.integers(0, 900), count=st.integers(1, 12), batch=st.integers(1, 40))
def test_shards_are_whole_batches_and_blocks_and_cover_what_is_left(n: int, begin: int, count: int, batch: int) -> None:
    (cell,) = cells(n, batch_size=batch)
    whole, left = shards(cell, 0, count), shards(cell, begin, count)
    assert len(whole) <= count
    assert [s.first for s in whole] == [0, *(s.first + s.n for s in whole[:-1])]
    assert sum(s.n for s in whole) == n
    assert all(s.first % batch == 0 and s.first % cell.noise_block == 0 for s in whole)
    assert sum(s.n for s in left) == max(n - begin, 0)
    assert {s.first + s.n for s in left} <= {s.first + s.n for s in whole}


@pytest.mark.parametrize(("sampler", "setting"), [("heun", "s_churn=20"), ("ode", "method=dopri5")])
def test_the_number_of_shards_changes_no_sample(sampler: str, setting: str) -> None:
    (cell,) = cells(100, sampler, settings=[setting])
    whole = torch.cat([x for x, _ in Run(cell).samples()])
    for count in (2, 3, 7):
        parts = [torch.cat([x for x, _ in Run(cell).samples(s.first, s.n)]) for s in shards(cell, 0, count)]
        assert torch.equal(torch.cat(parts), whole)


def test_the_number_of_shards_changes_no_statistic(tmp_path: Path) -> None:
    rows = []
    for count in (1, 3, 7):
        store = Store(tmp_path / str(count))
        store.prepare()
        rows += run_cells(cells(metrics=["w2", "sw2", "energy"]), store, Local(), Watcher(), count=count)
    for row in rows[1:]:
        for column in ("w2", "sw2", "energy", "nfe", "n_timed", "clamped"):
            assert row[column] == pytest.approx(rows[0][column], rel=1e-9)


@given(state=st.dictionaries(st.text(max_size=5), st.lists(st.floats(allow_nan=False), max_size=4), max_size=3))
def test_a_result_crosses_a_pipe_as_it_is(state: dict[str, list[float]]) -> None:
    arrays = {name: torch.tensor(values, dtype=torch.float64).numpy() for name, values in state.items()}
    part = ShardResult({"status": "done", "n": 3}, {"fid": arrays, "none": {}})
    back = ShardResult.from_bytes(part.to_bytes())
    assert back.report == part.report
    assert {m: {k: v.tolist() for k, v in s.items()} for m, s in back.states.items()} == {"fid": state, "none": {}}


@pytest.mark.parametrize(
    "array",
    [
        np.float64(3), np.zeros((2, 0)), np.arange(6).reshape(2, 3).T, np.arange(3, dtype=">f8"), np.array(True),
        np.array([1 + 2j]), np.array(["ab", "ü"]), np.array([1, 2], np.complex64), np.arange(3, dtype=np.float16),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)  # fmt: skip
def test_arrays_of_every_kind_cross_a_pipe(array: np.ndarray[Any, Any]) -> None:
    back = ShardResult.from_bytes(ShardResult({}, {"fid": {"x": array}}).to_bytes()).states["fid"]["x"]
    assert (back.shape, back.dtype) == (array.shape, array.dtype.newbyteorder("="))
    assert np.array_equal(back, array)
    assert back.flags.writeable


def test_a_result_with_objects_is_refused() -> None:
    objects = torch.zeros(1).numpy().astype(object)
    with pytest.raises(ValueError, match="objects"):
        ShardResult({}, {"fid": {"x": objects}}).to_bytes()


# killed


def test_a_sweep_killed_at_twenty_random_moments_ends_with_the_rows_of_an_undisturbed_one(tmp_path: Path) -> None:
    (done,) = forked("kill", tmp_path)
    rows = lasting(stored(tmp_path / "killed"))
    assert (int(done), len(rows)) == (20, 60)
    assert rows == lasting(stored(tmp_path / "undisturbed"))
    assert {path.suffix for path in (tmp_path / "killed").iterdir()} == {".parquet", ".safetensors"}
    assert not list((tmp_path / "killed").glob(".*"))


def test_a_cell_goes_on_from_its_last_whole_shard(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (cell,) = cells()
    (whole,) = run_cells([cell], store, Local(), Watcher(), force=True)
    store.path(cell.id).unlink()
    for path in store.directory.glob("*.safetensors"):
        path.unlink()

    calls = iter(range(100))
    work = MakeSamples.work

    def dies(task: MakeSamples, said: dict[str, Any], given: Shard) -> Any:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return work(task, said, given)

    monkeypatch.setattr(MakeSamples, "work", dies)
    with pytest.raises(KeyboardInterrupt):
        list(run_cells([cell], store, Local(), Watcher()))
    assert store.get(cell.id) is None
    (row,) = run_cells([cell], store, Local(), Watcher())
    assert (row["n_timed"], row["timing_valid"]) == (100 - 4 * 16, False)
    assert lasting([row]) == lasting([whole])


# interrupted


class Interrupting(Watcher):
    """Sends this process a signal at its so-manieth tick, as a terminal or a cluster would."""

    def __init__(self, *at: int, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.at, self.number = at, number

    def tick(self, cell: object) -> None:
        super().tick(cell)
        if self.ticks in self.at:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_sweep_after_the_current_batch(store: Store, number: int) -> None:
    told: list[int] = []
    sweep, rows = cells(nfe=(3, 5, 9)), []
    watcher = Interrupting(60, number=number)
    with pytest.raises(Interrupted), stoppable(lambda: told.append(1)) as stop:
        rows += [row["cell"] for row in run_cells(sweep, store, Local(), watcher)]
    per_batch = {3: 3, 5: 4, 9: 6}  # states of one batch: the start, one per interval, the last denoise
    assert (told, stop.number) == ([1], number)
    assert watcher.ticks == 60 + (-(60 - 7 * (3 + 4)) % per_batch[9])
    assert [row["cell"] for row in stored(store.directory)] == sorted(c.id for c in sweep[:2])
    assert len(list(run_cells(sweep, store, Local(), Watcher()))) == 3
    assert not list(store.directory.glob(".*"))


@pytest.mark.parametrize("at", [1 + 3 * 6, 7 * 6])
def test_whole_batches_are_kept_at_a_signal(store: Store, at: int) -> None:
    """Six states a batch, seven batches: the signal comes in the fourth, or at the very end, and the cell is done."""
    (cell,) = cells(nfe=(9,))
    with pytest.raises(Interrupted), stoppable(lambda: None):
        list(run_cells([cell], store, Local(), Interrupting(at)))
    assert (store.get(cell.id) is not None) == (at == 7 * 6)
    (row,) = run_cells([cell], store, Local(), Watcher())
    assert row["n_timed"] == (100 if at == 7 * 6 else 100 - 4 * 16)


def test_a_second_signal_ends_it_at_once(store: Store) -> None:
    watcher = Interrupting(10, 11)
    with pytest.raises(KeyboardInterrupt), stoppable(lambda: None):
        list(run_cells(cells(nfe=(60,)), store, Local(), watcher))
    assert watcher.ticks == 11
    assert not list(store.directory.glob(".*"))


def test_the_command_that_goes_on_is_printed(benchbox: Command, installed: Install) -> None:
    installed("oddities", "oddities", None)
    run = ["run", "--sampler", "terminates", "--nfe", "9", "--model", "gaussian", "--samples", "8", "--no-isolate"]
    outcome = benchbox(*run)
    assert outcome.status == 128 + signal.SIGTERM
    lines = outcome.err.splitlines()
    assert lines[-2] == "benchbox: stopping after the current batch. Press Ctrl-C again to stop immediately."
    assert lines[-1].endswith(f"resume with: benchbox {' '.join(run)}")


# several processes


def test_two_processes_share_a_sweep(tmp_path: Path) -> None:
    runs = forked("share", tmp_path)
    assert sum(map(int, runs)) == 42
    assert min(map(int, runs)) > 0
    assert len(lasting(stored(tmp_path))) == 42
    assert not list(tmp_path.glob(".*"))


def test_a_cell_that_another_process_ends_while_this_one_waits_is_taken_as_it_is(
    store: Store, installed: Install
) -> None:
    installed("oddities", "oddities", None)
    (cell,), other = cells(samplers="hungry"), Leases(store.directory)
    assert other.take(cell.id)

    class Waiting(Watcher):
        def wait(self, left: object, holder: str) -> None:
            store.put(measure(cell) | {"host": "another"})
            other.release(cell.id)
            other.close()

    watcher = Waiting()
    (row,) = run_cells([cell], store, Local(), watcher)
    assert (row["host"], watcher.todo) == ("another", ["done"])
    assert store.problems == []
    assert [path.name for path in store.directory.iterdir()] == [f"{cell.id}.parquet"]


def test_what_failed_elsewhere_since_the_sweep_began_is_not_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cell,), take = cells(), Leases.take
    failed = initial_row(cell, missing_metrics(cell.metrics, cell.model)) | {"status": "failed", "reason": "elsewhere"}

    def late(leases: Leases, name: str) -> bool:
        store.put(failed | {"started_at": now()})
        return take(leases, name)

    monkeypatch.setattr(Leases, "take", late)
    watcher = Watcher()
    (row,) = run_cells([cell], store, Local(), watcher)
    assert (row["status"], row["reason"], watcher.todo) == ("failed", "elsewhere", ["done"])
    monkeypatch.undo()
    (row,) = run_cells([cell], store, Local(), watcher)
    assert (row["status"], watcher.todo) == ("done", ["done", "run"])


def test_one_worker_and_two_make_the_same_samples_bit_for_bit(tmp_path: Path, installed: Install) -> None:
    installed("oddities", "oddities", None)
    request = Request(["heun"], [3], ["mnist-edm"], metrics=["digest"], n_samples=80, batch_size=16, seeds=[0, 1])
    found = []
    for workers in (1, 2):
        store, place = Store(tmp_path / str(workers)), Local(workers=workers, isolate=True, threads=1)
        store.prepare()
        try:
            found.append(list(run_cells(expand(request), store, place, Watcher())))
        finally:
            place.shutdown()
    one, two = map(lasting, found)
    assert one == two
    assert len({row["digest"] for row in found[0]}) == 2
    assert {row["timing_valid"] for row in found[1]} == {False}


def test_code_of_others_anywhere_in_a_sweep_keeps_all_of_it_out_of_its_process(
    installed: Install, tmp_path: Path
) -> None:
    installed("oddities", "oddities", None)
    (theirs,), (ours,) = cells(samplers="hungry"), cells()
    store = Store(tmp_path)
    assert plan_sweep([theirs, ours], store, Local()).isolated
    assert plan_sweep([ours, theirs], store, Local()).isolated
    assert not plan_sweep([ours], store, Local()).isolated


def test_no_worker_is_told_where_the_results_are(tmp_path: Path) -> None:
    (cell,) = cells()
    store = Store(tmp_path)
    plan = plan_sweep([cell], store, Local(), command=f"benchbox run --results {tmp_path}")
    run = CellRun(plan.cells[0], TaskLimits(isolated=True))
    message = TaskMessage.of(run.sampling(), Shard(0, 16))
    assert message.packages == ""
    assert str(tmp_path).encode() not in b"".join([message.frame, message.group])


# memory


def test_out_of_gpu_memory_halves_the_batch_and_says_so(installed: Install) -> None:
    installed("oddities", "oddities", None)
    (cell,) = cells(100, "hungry", batch_size=64, settings=["fits=20"])
    (small,) = cells(100, "hungry", batch_size=16, settings=["fits=20"])
    row, other = measure(cell), measure(small)
    assert (row["status"], row["timing_valid"], other["reason"]) == ("done", False, None)
    assert row["reason"] == "a batch of 64 did not fit into memory: batches of 16 were run"
    assert (row["nfe"], row["n_timed"]) == (other["nfe"], 100)
    assert row["w2"] == pytest.approx(other["w2"], rel=1e-6)


def test_a_batch_of_one_that_does_not_fit_is_out_of_memory(installed: Install) -> None:
    installed("oddities", "oddities", None)
    (cell,) = cells(100, "hungry", settings=["fits=0"])
    assert measure(cell)["status"] == "oom"


def test_the_traceback_of_a_failure_lies_beside_its_row(store: Store, installed: Install) -> None:
    installed("oddities", "oddities", None)
    (cell,) = cells(10, "raises")
    (row,) = run_cells([cell], store, Local(isolate=False), Watcher())
    text = store.path(cell.id).with_suffix(".log").read_text()
    assert row["reason"] == "RuntimeError: the middle"
    assert "oddities.py" in text
    assert "was too much" in text
