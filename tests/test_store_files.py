"""Files of a results directory that others wrote: nothing in them stops the reader, hides a row or leads elsewhere."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_rows import cell_id, row, stream_id

from benchbox import atomic
from benchbox.store import schema
from benchbox.store.paths import printable
from benchbox.store.states import MetricState
from benchbox.store.store import Store, load_results
from benchbox.store.tables import framed
from benchbox.store.verify import inspect_files

KEY = f"{stream_id(1)}-w2-{'0' * 16}"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results")
    made.prepare()
    return made


def parquet(lines: list[dict[str, Any]], version: int = schema.VERSION, **columns: pa.Array) -> bytes:
    """A file as somebody else may write it: types as they come, or as said."""
    table = pa.Table.from_pylist(lines)
    for name, values in columns.items():
        place = table.column_names.index(name) if name in table.column_names else table.num_columns
        table = table.remove_column(place) if place < table.num_columns else table
        table = table.append_column(name, values)
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({"benchbox_schema": str(version)}), sink)
    return sink.getvalue().to_pybytes()


def cells(store: Store) -> set[str]:
    return set(store.table()["cell"].to_pylist())


# several files, one row of a cell


def test_rows_of_one_many_and_published_files_are_read_together(store: Store) -> None:
    store.put(row(1))
    store.put_many(pa.Table.from_pylist([row(2), row(3)], schema=schema.schema({"fid": 0.0, "fid_features": ""})))
    (store.directory / "rows.parquet").write_bytes(parquet([row(4), row(4, host="there")]))
    frame = load_results(store.directory)
    assert sorted(frame["cell"]) == [cell_id(i) for i in (1, 2, 3, 4, 4)]
    assert [c for c in frame if c in schema.ORDER] == list(schema.ORDER)


def test_a_cells_own_file_counts_more_than_a_compacted_one(store: Store) -> None:
    store.put_many(pa.Table.from_pylist([row(1, status="done", fid=1.0), row(2)]))
    store.put(row(1, status="failed", fid=None))
    assert store.get(cell_id(1))["status"] == "failed"  # type: ignore[index]
    assert sorted(load_results(store.directory)["status"]) == ["done", "failed"]


@pytest.mark.parametrize(
    ("one", "other", "fid"),
    [
        ({"status": "failed", "started_at": "2026-02"}, {"started_at": "2026-01"}, 7.0),  # done beats others
        ({"started_at": "2026-02"}, {"started_at": "2026-01"}, 6.0),  # the last one begun
        ({"started_at": None}, {"started_at": "2026-01"}, 7.0),
    ],
)
def test_of_a_cell_in_two_compacted_files_the_latest_done_row_counts(
    store: Store, one: dict[str, Any], other: dict[str, Any], fid: float
) -> None:
    for said in (row(1, fid=6.0, **one), row(1, fid=7.0, **other)):
        store.put_many(pa.Table.from_pylist([said, row(2)]))
    assert store.get(cell_id(1))["fid"] == fid  # type: ignore[index]
    frame = load_results(store.directory).set_index("cell")
    assert len(frame) == 2
    assert frame.loc[cell_id(1), "fid"] == fid


def test_a_row_is_found_wherever_it_is_and_only_there(store: Store) -> None:
    n = 4_100  # three groups of rows
    store.put_many(schema.marked(pa.Table.from_pylist([row(i) for i in range(n)])))
    for i in (0, 1_999, 2_000, n - 1):
        assert store.get(cell_id(i))["fid"] == 4.0 + i  # type: ignore[index]
    assert store.get(cell_id(n)) is None


def test_compacted_files_are_read_once(store: Store) -> None:
    """A sweep looks up each of its cells; what others compact meanwhile is found by the next one."""
    store.put_many(pa.Table.from_pylist([row(1)]))
    assert store.get(cell_id(1))["fid"] == 5.0  # type: ignore[index]
    store.put_many(pa.Table.from_pylist([row(2)]))
    assert store.get(cell_id(2)) is None
    assert Store(store.directory).get(cell_id(2))["fid"] == 6.0  # type: ignore[index]


def test_files_that_go_away_while_they_are_read_are_looked_for_where_they_went(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(4):
        store.put(row(i))
    read = store.read

    def compacted_meanwhile(path: Path) -> Any:
        if path == store.path(cell_id(2)) and path.exists():
            store.put_many(pa.Table.from_pylist([row(i) for i in range(4)]))
            for i in range(4):
                store.path(cell_id(i)).unlink()
        return read(path)

    monkeypatch.setattr(store, "read", compacted_meanwhile)
    assert sorted(store.table()["cell"].to_pylist()) == [cell_id(i) for i in range(4)]
    assert store.problems == []


def test_rows_of_the_first_schema_are_read_and_lack_what_came_later(store: Store) -> None:
    first = {k: v for k, v in row(1).items() if k not in schema.LATER}
    store.path(cell_id(1)).write_bytes(parquet([first], version=1))
    assert schema.LATER.isdisjoint(load_results(store.directory))
    store.put(row(2, noise_block=16))
    frame = load_results(store.directory).set_index("cell")
    assert frame["noise_block"].isna().tolist() == [True, False]
    assert store.problems == []


# files that pandas wrote


def test_rows_that_pandas_wrote_are_read_as_they_were(store: Store, tmp_path: Path) -> None:
    for i, sampler in enumerate(("heun", "ddim", "heun")):
        store.put(row(i, sampler=sampler))
    rows = load_results(store.directory)
    copy = tmp_path / "copy"
    copy.mkdir()
    rows[rows["sampler"] == "heun"].to_parquet(copy / "some.parquet")  # with its index
    found = load_results(copy)
    assert list(found.columns) == list(rows.columns)
    assert sorted(found["cell"]) == [cell_id(0), cell_id(2)]


def test_rows_in_partitions_are_read_as_they_were(store: Store, tmp_path: Path) -> None:
    from benchbox.cli.rows import rows_in

    store.put(row(0, sampler="a/b = 1", nfe_requested=None))
    store.put(row(1, sampler="heun", nfe_requested=9))
    rows = load_results(store.directory).sort_values("cell", ignore_index=True)
    rows.to_parquet(tmp_path / "parts", partition_cols=["sampler", "nfe_requested", "timing_valid"])
    found = rows_in(tmp_path / "parts").sort_values("cell", ignore_index=True)
    pd.testing.assert_frame_equal(found, rows, check_dtype=False)


def test_a_directory_with_rows_of_its_own_is_read_without_those_below_it(store: Store) -> None:
    from benchbox.cli.rows import rows_in

    theirs = store.directory / "theirs"
    theirs.mkdir(parents=True)
    Store(theirs).put(row(0))
    assert set(rows_in(store.directory)["cell"]) == {cell_id(0)}
    store.put(row(1))
    assert set(rows_in(store.directory)["cell"]) == {cell_id(1)}


def test_rows_that_lack_a_column_are_named(store: Store) -> None:
    said = {name: value for name, value in row(1).items() if name != "sampler"}
    (store.directory / "bad.parquet").write_bytes(parquet([said]))
    store.put(row(2))
    assert cells(store) == {cell_id(2)}
    assert store.problems == ["bad.parquet was left out: it lacks the column sampler, which every row has."]


# hostile rows


def test_a_row_whose_cell_is_a_path_is_refused_and_named(store: Store, tmp_path: Path) -> None:
    bad = row(1, cell="../../x")
    (store.directory / "rows.parquet").write_bytes(parquet([bad, row(2)]))
    (store.directory / "one.parquet").write_bytes(parquet([bad]))
    assert cells(store) == {cell_id(2)}
    assert store.problems == [
        "one.parquet was left out: its cell is '../../x', which is not an id.",
        "rows.parquet has 1 rows that were left out: its cell is '../../x', which is not an id.",
    ]
    for act in (lambda: store.put(bad), lambda: store.get("../../x"), lambda: store.put_details("../x", "text")):
        with pytest.raises(ValueError, match="is not the name of a file in a results directory"):
            act()
    with pytest.raises(ValueError, match="not the name"):
        store.statistics.path(f"../{KEY}")
    assert [p.name for p in tmp_path.iterdir()] == ["results"]


@pytest.mark.parametrize("suffix", ["parquet", "safetensors"])
def test_a_link_that_leads_out_is_named_and_skipped(store: Store, tmp_path: Path, suffix: str) -> None:
    store.put(row(1))
    store.keep({KEY: MetricState(8, {"rows": 8.0}, {"sum": np.zeros(2)})})
    (path,) = store.directory.glob(f"*.{suffix}")
    outside = path.replace(tmp_path / "outside")
    path.symlink_to(outside)
    assert store.get(cell_id(1)) is None or suffix == "safetensors"
    assert store.statistics.get(KEY) is None or suffix == "parquet"
    assert store.problems == [f"{path.name} was left out: it is a link that leads out of the directory."]
    before = outside.read_bytes()
    store.put(row(1))
    store.keep({KEY: MetricState(8, {"rows": 8.0}, {"sum": np.ones(2)})})
    assert outside.read_bytes() == before
    assert not path.is_symlink()


def test_a_link_within_the_directory_is_followed(store: Store) -> None:
    store.put(row(1))
    link = store.directory / "link.parquet"
    link.symlink_to(store.path(cell_id(1)).name)
    store.path(cell_id(1)).rename(store.directory / "file.bin")
    link.unlink()
    link.symlink_to("file.bin")
    assert cells(store) == {cell_id(1)}


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def local_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [folder, pipe, local_socket, dangling, loop, device])
def test_what_is_no_file_is_named_and_skipped(
    store: Store, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.directory)
    make(store.path(cell_id(1)))
    make(store.directory / f"rows-{'0' * 16}.parquet")
    store.put(row(2))
    store.put_many(pa.Table.from_pylist([row(3)]))
    assert store.get(cell_id(1)) is None
    assert store.get(cell_id(3)) is not None
    assert cells(store) == {cell_id(2), cell_id(3)}
    assert sorted(p.split()[0] for p in store.problems) == [store.path(cell_id(1)).name, f"rows-{'0' * 16}.parquet"]
    store.put(row(1))  # it makes way
    assert cells(store) == {cell_id(1), cell_id(2), cell_id(3)}


WRONG = {
    "a number is text": {"nfe": pa.array(["many"])},
    "text is a number": {"sampler": pa.array([1])},
    "a number is a list": {"nfe": pa.array([[1.0]])},
    "a fraction": {"seed": pa.array([0.5])},
    "too large": {"seed": pa.array([2**64 - 1], pa.uint64())},
    "bytes": {"model": pa.array([b"\xff\xfe"])},
    "no boolean": {"timing_valid": pa.array([1])},
    "a time": {"fid": pa.array([0], pa.timestamp("s"))},
    "a struct": {"fid": pa.array([{"a": 1}])},
    "no JSON": {"metric_options": pa.array(["{"])},
    "a JSON list": {"sampler_options": pa.array(["[]"])},
    "no seed": {"seed": pa.array([None], pa.int64())},
    "no evaluations": {"nfe": pa.array([None], pa.float64())},
    "an option without a name": {"sampler_options": pa.array(['{"frame": {"rho": {}}}'])},
    "deep JSON": {"metric_options": pa.array(["[" * 100_000])},
    "no cell": {"cell": pa.array([None], pa.string())},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_column_of_the_wrong_type_is_named_and_good_rows_beside_are_read(store: Store, what: str) -> None:
    (store.directory / "bad.parquet").write_bytes(parquet([row(1)], **WRONG[what]))
    store.put(row(2))
    assert cells(store) == {cell_id(2)}
    (problem,) = store.problems
    assert problem.startswith("bad.parquet was left out: ")
    assert len(problem) < 300


def test_text_that_is_not_text_is_named(store: Store) -> None:
    offsets = pa.array([0, 2], pa.int32()).buffers()[1]
    raw = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff\xfe")])
    (store.directory / "bad.parquet").write_bytes(parquet([row(1)], model=raw))
    store.put(row(2))
    assert len(store.table()) == 1
    assert "UTF8" in store.problems[0] or "UTF-8" in store.problems[0]


@pytest.mark.parametrize(("texts", "kept"), [(1, "number"), (3, "text")])
def test_a_metric_that_is_text_here_and_a_number_there_is_what_most_rows_say(
    store: Store, texts: int, kept: str
) -> None:
    for i in range(2):
        store.put(row(i, fid=1.5))
    for i in range(2, 2 + texts):
        store.put(row(i, fid="good"))
    fid = store.table()["fid"]
    assert len(fid) == 2 + texts  # no row is lost
    assert {v for v in fid.to_pylist() if v is not None} == {"number": {1.5}, "text": {"good"}}[kept]
    assert len(store.problems) == (1 if kept == "number" else 2)
    assert all("has no fid: it is" in problem for problem in store.problems)


def test_a_file_that_says_that_it_is_huge_is_not_unpacked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbox.store.reading.MOST_ROWS", 3)
    (store.directory / "rows.parquet").write_bytes(parquet([row(i) for i in range(4)]))
    assert cells(store) == set()
    assert "it says that it holds 4 rows in" in store.problems[0]


def test_names_and_values_are_no_commands_to_a_terminal(store: Store) -> None:
    (store.directory / "a\x1b[2J\nb.parquet").write_bytes(b"")
    (store.directory / os.fsdecode(b"\xff.parquet")).write_bytes(b"")
    (store.directory / "c.parquet").write_bytes(parquet([row(1, cell="\x1b]0;x\a")]))
    store.table()
    assert len(store.problems) == 3
    assert all(problem.isprintable() and problem.encode() for problem in store.problems)
    assert printable("Δx ≤ 1") == "Δx ≤ 1"


def test_nothing_is_unpickled_and_pandas_metadata_are_not_read(store: Store) -> None:
    """pandas' metadata may name columns and types at will; a data frame is made of the columns alone."""
    table = pa.Table.from_pylist([row(1)])
    hostile = {"benchbox_schema": "2", "pandas": '{"index_columns": ["cell", "nothing"], "columns": 7}'}
    pq.write_table(table.replace_schema_metadata(hostile), store.path(cell_id(1)))
    frame = load_results(store.directory)
    assert frame["cell"].tolist() == [cell_id(1)]


# Hypothesis

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=5), st.binary(max_size=5),
    st.lists(st.integers(0, 9), max_size=2), st.dictionaries(st.text(max_size=2), st.integers(0, 9), max_size=2),
)  # fmt: skip
NAMES = st.one_of(st.sampled_from(schema.ORDER), st.text(max_size=6))


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file like ours with columns of any type, any version, cut off or with bytes replaced; or no such file."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=300))
    said = draw(st.dictionaries(NAMES, VALUES, max_size=6))
    try:
        data = bytearray(parquet([row(7) | said], draw(st.integers(0, 3))))
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):  # no parquet file can hold it
        return b""
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    for at in draw(st.lists(st.integers(0, 10**5), max_size=3)):
        if data:
            data[at % len(data)] ^= draw(st.integers(1, 255))
    return bytes(data)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(contents=st.lists(files(), min_size=1, max_size=4), places=st.permutations(range(4)))
def test_whatever_lies_there_all_good_rows_are_read_and_the_rest_is_named(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], places: list[int]
) -> None:
    store = Store(tmp_path_factory.mktemp("results"))
    names = [f"{cell_id(7)}.parquet", "rows.parquet", f"rows-{'0' * 16}.parquet", "x.parquet"]
    for at, content in zip(places, contents, strict=False):
        (store.directory / names[at]).write_bytes(content)
    store.put(row(1))
    store.put_many(pa.Table.from_pylist([row(2), row(3)]))
    assert {cell_id(1), cell_id(2), cell_id(3)} <= set(framed(store.table())["cell"])
    assert all(store.get(cell_id(i)) is not None for i in (1, 2, 3))
    assert store.get(cell_id(7)) is None or store.get(cell_id(7))["cell"] == cell_id(7)  # type: ignore[index]
    inspect_files(store)
    assert all(problem.isprintable() for problem in store.problems)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=200), cuts=st.integers(0, 10**4), flips=st.lists(st.integers(0, 10**4), max_size=4))
def test_no_statistics_stop_the_reader(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: int, flips: list[int]
) -> None:
    store = Store(tmp_path_factory.mktemp("results"))
    path = store.statistics.path(KEY)
    store.keep({KEY: MetricState(8, {"rows": 8.0}, {"sum": np.zeros(2)})})
    whole = path.read_bytes()
    flipped = bytearray(whole)
    for at in flips:
        flipped[at % len(whole)] ^= 255
    for content in (data, whole[: cuts % len(whole)], bytes(flipped)):
        path.write_bytes(content)
        found = store.statistics.get(KEY)
        assert found is None or found.n >= 1
        assert found is not None or store.problems


# temporary files


def temporary(host: str, pid: int) -> str:
    return f".{cell_id(1)}-{host}-{pid}-0123abcd.tmp"


def test_half_written_files_of_dead_processes_are_removed_at_once(store: Store) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = {
        temporary(atomic.HOST, dead.pid): False, temporary(atomic.HOST, os.getpid()): True,
        temporary("elsewhere", dead.pid): True, ".old-elsewhere-1-0123abcd.tmp": False, ".foreign.tmp": True,
    }  # fmt: skip
    for name in names:
        (store.directory / name).touch()
    os.utime(store.directory / ".old-elsewhere-1-0123abcd.tmp", (time.time() - atomic.STALE - 9,) * 2)
    store.prepare()
    assert {p.name for p in store.directory.iterdir()} == {name for name, stays in names.items() if stays}


def test_a_row_is_written_though_somebody_deletes_its_temporary_file(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, deleted = os.fsync, []

    def deleting(descriptor: int) -> None:
        fsync(descriptor)
        if not deleted:
            deleted.extend(store.directory.glob(".*.tmp"))
            deleted[0].unlink()

    monkeypatch.setattr(atomic.os, "fsync", deleting)
    store.put(row(1))
    assert len(deleted) == 1
    assert store.get(cell_id(1))["fid"] == 5.0  # type: ignore[index]


def test_a_temporary_file_says_whose_it_is_and_is_no_link_to_elsewhere(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    target.write_text("safe")
    monkeypatch.setattr(atomic.secrets, "token_hex", lambda n: "0123abcd")
    planted = store.directory / temporary(atomic.HOST, os.getpid())
    planted.symlink_to(target)
    with pytest.raises(Exception, match="cannot be written to"):
        store.put(row(1))
    assert target.read_text() == "safe"
