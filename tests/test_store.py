"""Rows on disk: whole or not at all, damage named and left out, nothing lost."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Install, Watcher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sweeping import measure, run_cells

import benchbox
from benchbox.atomic import STALE
from benchbox.bench.cell import Cell
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import Request, expand
from benchbox.bench.task import Task
from benchbox.errors import UsageError
from benchbox.executors.local import Local
from benchbox.store import schema
from benchbox.store.store import Store
from benchbox.store.verify import inspect_files


def cell(metrics: list[str] | None = None, sampler: str = "ddim", **options: Any) -> Cell:
    given = [Setting(None, k, [v]) for k, v in options.items()]
    (made,) = expand(Request([sampler], [4], ["gaussian"], metrics=metrics, n_samples=8, settings=given))
    return made


def sweep(store: Store, *cells: Cell, **how: Any) -> tuple[list[dict[str, Any]], list[str]]:
    watcher = Watcher()
    return list(run_cells(cells, store, Local(), watcher, **how)), watcher.todo


@pytest.fixture(scope="module")
def row() -> dict[str, Any]:
    return measure(cell())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results")
    made.prepare()
    return made


def test_a_row_comes_back_as_it_was_put(store: Store, row: dict[str, Any]) -> None:
    store.put(row)
    found = store.get(row["cell"])
    assert found is not None
    assert {k: v for k, v in found.items() if v is not None} == {k: v for k, v in row.items() if v is not None}
    assert [p.name for p in store.directory.iterdir()] == [f"{row['cell']}.parquet"]


def test_text_that_is_no_unicode_is_stored_written_out(store: Store, row: dict[str, Any]) -> None:
    store.put(row | {"reason": "no file \udcff", "status": "failed"})
    assert store.get(row["cell"])["reason"] == "no file \\udcff"  # type: ignore[index]


def test_a_crash_while_a_row_is_written_leaves_nothing(
    store: Store, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(table: pa.Table, file: Any) -> None:
        file.write(b"PAR1 half a")
        raise KeyboardInterrupt

    monkeypatch.setattr("benchbox.store.store.pq.write_table", crash)
    with pytest.raises(KeyboardInterrupt):
        store.put(row)
    assert list(store.directory.iterdir()) == []


def test_a_crash_while_a_row_is_written_again_keeps_the_old_one(
    store: Store, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(row)

    def crash(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchbox.atomic.os.fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        store.put(row | {"seed": 7})
    assert store.get(row["cell"])["seed"] == 0  # type: ignore[index]
    assert len(list(store.directory.iterdir())) == 1


def test_a_disk_that_fails_while_a_row_is_written_is_one_sentence(
    store: Store, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("benchbox.atomic.os.fsync", full)
    with pytest.raises(UsageError, match="cannot be written to: No space left on device"):
        store.put(row)
    assert list(store.directory.iterdir()) == []


def test_what_a_killed_run_left_is_cleaned_up_and_what_a_running_one_writes_is_not(store: Store) -> None:
    old, new = store.directory / ".abc-1.tmp", store.directory / ".abd-2.tmp"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - STALE - 10,) * 2)
    store.prepare()
    assert [p.name for p in store.directory.iterdir()] == [new.name]


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "results"):
        with pytest.raises(UsageError, match=r"cannot be written to: (Not a directory|File exists)\."):
            Store(place).prepare()


# what is no row


def parquet(values: dict[str, Any], version: str | None = "1") -> bytes:
    table = pa.Table.from_pylist([values])
    if version is not None:
        table = table.replace_schema_metadata({"benchbox_schema": version})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


NO_ROWS = {
    "empty": (b"", "parquet"),
    "text": (b"not parquet at all", "parquet"),
    "foreign": (parquet({"a": 1}, None), "not a row of benchbox"),
    "foreign with our mark": (parquet({"a": 1}), "not a row of benchbox"),
    "of no version": (parquet({"cell": "x", "status": "done"}, "one"), "not a row of benchbox"),
    "newer": (
        parquet({"cell": "x", "status": "done"}, "99"),
        f"its schema 99 is newer than this benchbox's {schema.VERSION}",
    ),
}


def no_row(what: str, row: dict[str, Any], store: Store) -> tuple[bytes, str]:
    if what != "truncated":
        return NO_ROWS[what]
    store.put(row)
    path = store.path(row["cell"])
    data = path.read_bytes()
    path.unlink()
    return data[: len(data) // 2], "parquet"


@pytest.mark.parametrize("what", ["truncated", *NO_ROWS])
def test_a_file_that_is_no_row_is_named_and_left_out(store: Store, row: dict[str, Any], what: str) -> None:
    data, says = no_row(what, row, store)
    (store.directory / "bad.parquet").write_bytes(data)
    store.put(row)
    with pytest.warns(UserWarning, match=r"bad\.parquet was left out") as caught:
        frame = benchbox.load_results(str(store.directory))
    assert list(frame["cell"]) == [row["cell"]]
    (message,) = [str(w.message) for w in caught]
    assert says in message.lower() if says == "parquet" else says in message
    assert "\n" not in message


def test_a_folder_named_like_a_row_is_left_out(store: Store, row: dict[str, Any]) -> None:
    (store.directory / "folder.parquet").mkdir()
    store.put(row)
    assert len(store.table()) == 1
    assert [p.split()[0] for p in store.problems] == ["folder.parquet"]


@pytest.mark.parametrize("what", ["truncated", *NO_ROWS])
def test_what_lies_in_a_cells_place_is_kept_aside_and_the_cell_is_run(
    store: Store, row: dict[str, Any], what: str
) -> None:
    data, _ = no_row(what, row, store)
    path = store.path(row["cell"])
    path.write_bytes(data)
    (found,), todo = sweep(store, cell())
    assert (todo, found["status"]) == (["run"], "done")
    assert store.get(row["cell"])["w2"] == row["w2"]  # type: ignore[index]
    assert path.with_suffix(".damaged").read_bytes() == data


def test_the_row_of_another_cell_is_not_taken_for_a_cells_own(store: Store, row: dict[str, Any]) -> None:
    store.put(row)
    store.path(row["cell"]).rename(store.path("0" * 16))
    assert store.get("0" * 16) is None
    assert "holds the row of cell" in store.problems[0]


def test_every_damaged_file_can_be_named_without_reading_the_rows(store: Store, row: dict[str, Any]) -> None:
    store.put(row)
    (store.directory / "bad.parquet").write_bytes(b"PAR1")
    inspect_files(store)
    inspect_files(store)
    assert [p.split()[0] for p in store.problems] == ["bad.parquet"]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), cut=st.integers(0, 10**6), at=st.integers(0, 10**6), flip=st.integers(0, 255))
def test_no_bytes_stop_the_reader(tmp_path: Path, data: bytes, cut: int, at: int, flip: int) -> None:
    """Random bytes, and a whole row that is cut off or has some of its bytes replaced."""
    store = Store(tmp_path)
    whole = bytearray(WHOLE)
    whole[at % len(whole)] = flip
    whole[-60:-50] = data[:10].ljust(10, b"\0")
    for content in (data, WHOLE[: cut % len(WHOLE)], bytes(whole)):
        store.path(CELL).write_bytes(content)
        found = store.get(CELL)
        assert found is None or found["cell"] == CELL
        assert found is not None or store.problems


CELL = "00c0ffee00c0ffee"
WHOLE = parquet({"cell": CELL, "status": "done", "fid": 1.0, "sampler": "heun"})


# load_results


def test_the_columns_come_in_the_order_of_the_contract_with_metrics_before_the_status(store: Store) -> None:
    sweep(store, cell(["w2", "sw2"]))
    columns = list(benchbox.load_results(str(store.directory)).columns)
    at = schema.ORDER.index("metric_options")
    assert columns == [*schema.ORDER[:at], "w2", "w2_std", "sw2", "sw2_std", *schema.ORDER[at:]]


def test_an_empty_directory_gives_the_columns_and_no_rows(tmp_path: Path) -> None:
    frame = benchbox.load_results(str(tmp_path))
    assert frame.empty
    assert list(frame.columns) == list(schema.ORDER)


def test_a_directory_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no results directory"):
        benchbox.load_results(str(tmp_path / "none"))


def test_numbers_that_no_row_has_are_missing_numbers(store: Store) -> None:
    sweep(store, cell())
    frame = benchbox.load_results(str(store.directory))
    assert frame["gpu_mem_peak_mb"].dtype == "float64"
    assert frame["gpu_mem_peak_mb"].isna().all()


def test_the_schema_says_its_version_and_which_columns_are_measured(store: Store, row: dict[str, Any]) -> None:
    store.put(row)
    found = pq.read_schema(store.path(row["cell"]))
    assert found.metadata[b"benchbox_schema"] == str(schema.VERSION).encode()
    marked = {f.name for f in found if f.metadata[b"measured"] == b"true"}
    assert marked == schema.MEASURED
    assert {f.name for f in found} == {*schema.ORDER, "w2", "w2_std"}
    assert found.field("nfe").type == pa.float64()
    assert found.field("nfe_requested").type == pa.int64()


def test_every_column_of_the_contract_is_in_the_schema() -> None:
    text = """stream, cell, sampler, sampler_options, sampler_package, sampler_version, model, model_options,
    model_sha256, schedule, schedule_options, grid, grid_options, dataset, seed, n_samples,
    batch_size, dtype, final, guidance, nfe_policy, nfe_requested, nfe, nfe_max, n_backward,
    clamped, steps, wall_s, model_s, overhead, decode_s, samples_per_s, gpu_mem_peak_mb,
    gpu_mem_reserved_mb, rss_peak_mb, energy_j, timing_valid, status, reason, executor, device,
    threads, host, torch, cuda, benchbox, contract, git, command, started_at"""
    wanted = [name.strip() for name in text.split(",")]
    assert [name for name in schema.ORDER if name in wanted] == wanted


# metrics added later


def test_a_metric_asked_for_later_is_all_that_is_computed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,), _ = sweep(store, cell(["w2"]))
    asked: set[str] = set()
    start = Task.accumulators
    monkeypatch.setattr(Task, "accumulators", lambda task, *given: asked.update(task.metrics) or start(task, *given))
    (second,), todo = sweep(store, cell(["w2", "sw2"]))
    assert (todo, asked) == (["metrics"], {"sw2"})
    assert second["sw2"] > 0
    assert {k: second[k] for k in first if k not in ("metric_options", "metric_values")} == {
        k: v for k, v in first.items() if k not in ("metric_options", "metric_values")
    }
    assert store.get(first["cell"]) == second
    assert sweep(store, cell(["sw2"]))[1] == ["done"]


def test_a_metric_with_other_options_is_computed_anew(store: Store) -> None:
    (first,), _ = sweep(store, cell(["sw2"], projections=8))
    (second,), todo = sweep(store, cell(["sw2"], projections=16))
    assert todo == ["metrics"]
    assert second["sw2"] == first["sw2"] != second["sw2@e79278a6"]


def test_a_later_metric_that_fails_is_seen_and_loses_nothing(store: Store, installed: Install) -> None:
    installed("oddities", "oddities", None)
    (first,), _ = sweep(store, cell(["w2"]))
    (second,), todo = sweep(store, cell(["w2", "gives"], value="raises"))
    assert (todo, second["status"]) == (["metrics"], "failed")
    kept = store.get(first["cell"])
    assert kept is not None
    assert (kept["status"], kept["w2"]) == ("done", first["w2"])
    assert sweep(store, cell(["w2", "gives"], value="raises"))[1] == ["metrics"]


def test_pandas_reads_a_row_without_benchbox(store: Store, row: dict[str, Any]) -> None:
    store.put(row)
    frame = pd.read_parquet(store.path(row["cell"]))
    assert frame.loc[0, "w2"] == row["w2"]
