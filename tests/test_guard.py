"""The guard: what a plugin does to the files of other cells is put right and named; what others do is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from stored_rows import cell_id, row, stream_id

from benchbox.store.claims import Claims
from benchbox.store.compaction import compact
from benchbox.store.guard import Guard
from benchbox.store.kept import Kept
from benchbox.store.store import Store

ONE, TWO, OWN, FOREIGN = (cell_id(i) for i in (1, 2, 3, 99))
KEY = f"{stream_id(1)}-w2-{'0' * 16}"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A sweep of cells 1 to 4, of which 1 and 2 are done, in a directory with a row of another sweep."""
    made = Store(tmp_path / "results")
    made.prepare()
    for i in (1, 2, 99):
        made.put(row(i))
    made.put_details(TWO, "a traceback")
    made.keep({KEY: Kept(8, {"rows": 8.0}, {"sum": np.zeros(2)})})
    return made


@pytest.fixture
def guard(store: Store) -> Guard:
    made = Guard(store, [cell_id(i) for i in (1, 2, 3, 4)])
    made.snapshot()
    return made


def contents(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.directory.iterdir() if path.is_file()}


def folder_in_place(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "x").touch()


def link_in_place(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def better(path: Path) -> None:
    """A whole row with a better number, in the same place."""
    Store(path.parent).put(row(1, fid=0.1))


@pytest.mark.parametrize(
    ("act", "did"),
    [
        (lambda path: path.write_bytes(b"garbage"), "changed"),
        (lambda path: path.write_bytes(bytes(len(path.read_bytes()))), "changed"),
        (better, "changed"),
        (lambda path: path.unlink(), "deleted"),
        (folder_in_place, "changed"),
        (link_in_place, "changed"),
    ],
    ids=["garbage", "zeros", "a better row", "deleted", "a folder", "a link"],
)
def test_a_row_of_another_cell_is_put_back(store: Store, guard: Guard, act: Callable[[Path], Any], did: str) -> None:
    before = contents(store)
    act(store.path(ONE))
    assert guard.repair([OWN]) == [f"it {did} {ONE}.parquet, which was put back"]
    assert contents(store) == before
    assert not store.path(ONE).is_symlink()
    assert guard.repair([OWN]) == []


def test_what_was_not_there_is_set_aside(store: Store, guard: Guard) -> None:
    before = contents(store)
    store.put(row(4))
    planted = store.put_many(pa.Table.from_pylist([row(1, fid=0.1), row(4)]))
    assert guard.repair([OWN]) == [
        f"it wrote {cell_id(4)}.parquet, which was set aside", f"it wrote {planted.name}, which was set aside",
    ]  # fmt: skip
    now = contents(store)
    assert {name: now.pop(name) for name in before} == before
    assert all(name.endswith(".damaged") for name in now)
    assert store.get(cell_id(4)) is None


def test_statistics_that_changed_are_not_gone_on_from(store: Store, guard: Guard) -> None:
    path = store.statistics.path(KEY)
    store.keep({KEY: Kept(9, {"rows": 9.0}, {"sum": np.ones(2)})})
    assert guard.repair([OWN]) == [f"it changed {path.name}, which was set aside"]
    assert store.statistics.count(KEY) == 0
    store.keep({KEY: Kept(9, {"rows": 9.0}, {"sum": np.ones(2)})})
    guard.saw(stream_id(1))
    path.unlink()
    assert guard.repair([OWN]) == [f"it deleted {path.name}"]


def test_what_is_its_own_or_no_file_of_benchbox_is_let_be(store: Store, guard: Guard) -> None:
    store.put(row(3))
    store.put_details(OWN, "its own")
    (store.directory / "notes.txt").write_text("mine")
    before = contents(store)
    assert guard.repair([OWN]) == []
    assert contents(store) == before


def test_rows_of_other_sweeps_are_put_back_too(store: Store, guard: Guard) -> None:
    before = contents(store)
    store.path(FOREIGN).write_bytes(b"mine")
    assert guard.repair([OWN]) == [f"it changed {FOREIGN}.parquet, which was put back"]
    assert contents(store) == before


def test_what_this_process_wrote_is_remembered(store: Store, guard: Guard) -> None:
    store.put(row(4))
    guard.saw(cell_id(4))
    before = contents(store)
    store.path(cell_id(4)).write_bytes(b"")
    assert guard.repair([OWN]) == [f"it changed {cell_id(4)}.parquet, which was put back"]
    assert contents(store) == before


def test_the_same_bytes_written_again_are_no_change(store: Store, guard: Guard) -> None:
    path = store.path(ONE)
    path.write_bytes(path.read_bytes())
    assert guard.repair([OWN]) == []


AT_WORK = """
import sys
from pathlib import Path
from benchbox.store.claims import Claims
with Claims(Path(sys.argv[1])) as claims:
    print(claims.take(sys.argv[2]), flush=True)
    sys.stdin.read()
"""


def test_another_process_at_work_is_not_taken_for_the_plugin(store: Store, guard: Guard) -> None:
    """It has claimed cell 4; it has also finished cell 2 anew meanwhile. Garbage is not its."""
    with subprocess.Popen(
        [sys.executable, "-c", AT_WORK, store.directory, cell_id(4)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"True\n"
        store.put(row(4))
        store.put(row(2, fid=7.0))
        store.keep({KEY: Kept(9, {"rows": 9.0}, {"sum": np.ones(2)})})
        before = contents(store)
        store.path(ONE).write_bytes(b"garbage")
        assert guard.repair([OWN]) == [f"it changed {ONE}.parquet, which was put back"]
        now = contents(store)
        assert {k: v for k, v in now.items() if k != f"{ONE}.parquet"} == {
            k: v for k, v in before.items() if k != f"{ONE}.parquet"
        }
        other.communicate()
    assert store.get(TWO)["fid"] == 7.0  # type: ignore[index]


def test_a_compaction_by_another_process_is_let_be(store: Store, guard: Guard) -> None:
    compact(store, lambda items, what: items)
    (made,) = store.directory.glob("rows-*")
    assert guard.repair([OWN]) == []
    assert made.exists()
    store.put(row(4))
    guard.saw(cell_id(4))
    compact(store, lambda items, what: items)
    assert guard.repair([OWN]) == []
    (made,) = store.directory.glob("rows-*")
    whole = made.read_bytes()
    made.unlink()
    assert guard.repair([OWN]) == [f"it deleted {made.name}, which was put back"]
    assert made.read_bytes() == whole


@pytest.mark.parametrize("waiting", [False, True])
def test_rows_of_a_process_that_has_come_and_gone_meanwhile_are_nobodys_fault(tmp_path: Path, waiting: bool) -> None:
    """While this one had a cell, or had none and waited."""
    store = Store(tmp_path)
    mine, theirs = Claims(tmp_path), Claims(tmp_path)
    guard = Guard(store, [cell_id(i) for i in (1, 2, 3)], mine)
    if waiting:
        mine.join()
    else:
        assert mine.take(cell_id(1))
    guard.snapshot()
    assert theirs.take(cell_id(2))
    store.put(row(2))
    theirs.release(cell_id(2))
    theirs.close()
    assert guard.repair({cell_id(1)}) == []
    assert store.get(cell_id(2)) is not None
    mine.close()
    assert not list(tmp_path.glob(".*"))
