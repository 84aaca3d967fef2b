"""benchbox results verify, compact, merge and prune: what is named, what is kept, what is never lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Command
from stored_rows import cell_id, row, stream_id

from benchbox import atomic, load_results
from benchbox.store.compaction import compact
from benchbox.store.leases import COMPACTION, Leases
from benchbox.store.states import MetricState
from benchbox.store.store import Store


def key(i: int) -> str:
    return f"{stream_id(i)}-w2-{'0' * 16}"


def kept(n: int) -> MetricState:
    return MetricState(n, {"rows": float(n)}, {"sum": np.full(2, float(n))})


def results(directory: str | Path, *rows: dict[str, Any]) -> Store:
    store = Store(Path(directory))
    store.prepare()
    for said in rows:
        store.put(said)
    return store


def names(store: Store) -> set[str]:
    return {path.name for path in store.directory.iterdir()}


def values(store: Store) -> dict[str, Any]:
    frame = load_results(str(store.directory))
    return dict(zip(frame["cell"], frame["fid"], strict=True))


# verify


def test_a_directory_in_order_passes(benchbox: Command) -> None:
    store = results("results", row(1), row(2, status="failed", fid=None))
    store.put_many(pa.Table.from_pylist([row(3), row(4)]))
    store.keep({key(1): kept(8)})
    done = benchbox("results", "verify", "results")
    assert (done.status, done.err) == (0, "")
    assert done.out.strip() == "results has 4 rows in 3 files: no problems."


def test_every_file_and_row_that_is_not_in_order_is_named(benchbox: Command) -> None:
    store = results("results", row(1), row(2, nfe_max=99.0), row(3), row(4))
    store.path(cell_id(3)).rename(store.path(cell_id(9)))
    store.path(cell_id(4)).write_bytes(store.path(cell_id(4)).read_bytes()[:-9])
    (store.directory / "notes.parquet").write_bytes(b"PAR1")
    (store.directory / "old.damaged").write_bytes(b"")
    store.keep({key(1): kept(8)})
    path = store.statistics.path(key(1))
    path.write_bytes(path.read_bytes()[:-9])
    (store.directory / "sweeps").mkdir()
    (store.directory / "sweeps" / f"{'a' * 16}.json").write_text("{}")
    done = benchbox("results", "verify", "results")
    assert done.status == 1
    said = done.err.splitlines()
    assert len(said) == 7
    for name, what in (
        (f"{cell_id(4)}.parquet", "was left out: "), ("notes.parquet", "was left out: "),
        (f"{cell_id(9)}.parquet", f"was left out: it holds the row of cell {cell_id(3)}"),
        (path.name, "was left out: "), ("old.damaged", "is damaged"),
        (f"cell {cell_id(2)}:", "its status is done, but it spent 99 evaluations of a budget of 10: it is dishonest"),
        (f"configuration {'a' * 16} in results", "was changed or damaged"),
    ):  # fmt: skip
        assert any(line.startswith(f"benchbox: {name} {what}") for line in said), (name, said)
    assert done.out.strip() == "results has 2 rows in 5 files: 7 problems."


def test_a_number_that_was_changed_in_a_file_is_found_by_its_hash(benchbox: Command) -> None:
    store = results("results", row(1), row(2))
    many = store.put_many(pa.Table.from_pylist([row(3), row(4)]))
    for path in (store.path(cell_id(1)), many):
        table = pq.read_table(path)
        place = table.column_names.index("fid")
        pq.write_table(table.set_column(place, table.schema.field("fid"), pa.array([0.1] * len(table))), path)
    done = benchbox("results", "verify", "results")
    assert done.status == 1
    assert done.err.splitlines() == [
        f"benchbox: {path.name} was left out: it was changed after it was written: its hash differs."
        for path in (store.path(cell_id(1)), many)
    ]
    fresh = Store(store.directory)
    assert [fresh.get(cell_id(i)) is None for i in (1, 2, 3)] == [True, False, True]
    assert len(fresh.problems) == 2


RESULTS = Path(__file__).parents[1] / "results"
FOLDERS = sorted({path.parent.name for path in RESULTS.glob("*/*.parquet")})


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_rows_that_come_with_benchbox_are_in_order(benchbox: Command, folder: str) -> None:
    done = benchbox("results", "verify", RESULTS / folder)
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_commands_of_the_rows_that_come_with_benchbox_name_no_folder_of_a_machine(folder: str) -> None:
    commands = {command for command in Store(RESULTS / folder).table()["command"].to_pylist() if command}
    assert not [
        command for command in commands if any(Path(word).is_absolute() for word in re.split(r"[ =:]", command))
    ]


def test_rows_of_one_stream_that_differ_in_what_it_is_made_from_are_named(benchbox: Command) -> None:
    same = row(1)["stream"]
    results("results", row(1), row(2, stream=same, n_samples=2000))
    assert benchbox("results", "verify", "results").status == 0
    results("results", row(3, stream=same, model_sha256=None))
    done = benchbox("results", "verify", "results")
    assert done.sentence == f"benchbox: stream {same}: its rows differ in model_sha256, which it is made from."


@pytest.mark.parametrize("command", ["verify", "compact", "prune", "merge --into x"])
def test_a_directory_that_is_not_there_is_one_sentence(benchbox: Command, command: str) -> None:
    done = benchbox("results", *command.split(), "none")
    assert (done.status, done.sentence) == (2, "benchbox: there is no results directory none.")


# compact


def test_many_files_become_one_and_say_the_same(benchbox: Command) -> None:
    rows = [row(i) for i in range(6)] + [row(6, status="failed", fid=None), row(7, w2_note="x")]
    store = results("results", *rows)
    before = {r["cell"]: store.get(r["cell"]) for r in rows}
    done = benchbox("results", "compact", "results")
    assert done.out.strip() == "compacted 8 files with 8 rows into one file in results."
    (name,) = names(store)
    assert name.startswith("rows-")
    for cell, old in before.items():
        new = store.get(cell)
        assert new is not None
        assert {k: v for k, v in new.items() if v is not None} == {k: v for k, v in old.items() if v is not None}
    assert benchbox("results", "verify", "results").status == 0
    assert benchbox("results", "compact", "results").out.strip() == "there is nothing to compact in results."


def test_compacted_files_and_new_rows_become_one(benchbox: Command) -> None:
    store = results("results", row(1), row(2))
    benchbox("results", "compact", "results")
    store.put(row(2, fid=9.0))
    store.put(row(3))
    assert values(store) == {cell_id(1): 5.0, cell_id(2): 9.0, cell_id(3): 7.0}
    benchbox("results", "compact", "results")
    assert len(names(store)) == 1
    assert values(store) == {cell_id(1): 5.0, cell_id(2): 9.0, cell_id(3): 7.0}


def test_a_directory_that_a_process_works_in_is_not_compacted(benchbox: Command) -> None:
    store = results("results", row(1), row(2))
    before = names(store)
    for name in (cell_id(2), COMPACTION):
        with Leases(store.directory) as leases:
            assert leases.take(name)
            done = benchbox("results", "compact", "results")
        holder = f"process {os.getpid()} on {os.uname().nodename}"
        assert (done.status, done.sentence) == (
            2, f"benchbox: results cannot be compacted while {holder} works in it: wait until it has ended.",
        )  # fmt: skip
        assert names(store) == before


def test_what_cannot_be_read_whole_is_left(benchbox: Command) -> None:
    store = results("results", row(1), row(2), row(3))
    store.path(cell_id(3)).write_bytes(b"PAR1")
    bad = store.put_many(pa.Table.from_pylist([row(4), row(5, cell="../x")]))
    contents = bad.read_bytes()
    done = benchbox("results", "compact", "results")
    assert "compacted 2 files with 2 rows into one file in results." in done.out
    assert {f"{cell_id(3)}.parquet", bad.name} <= names(store)
    assert bad.read_bytes() == contents
    assert set(values_quietly(store)) == {cell_id(i) for i in (1, 2, 4)}
    assert not list(store.directory.glob(".*"))


def values_quietly(store: Store) -> list[str]:
    return [str(cell) for cell in store.table()["cell"].to_pylist()]


def test_a_row_that_is_written_while_files_are_removed_is_kept(
    benchbox: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a process whose lease was taken for one of a process that died."""
    store = results("results", row(1), row(2))
    put_many = Store.put_many

    def meanwhile(self: Store, table: pa.Table) -> Path:
        made = put_many(self, table)
        store.put(row(2, fid=9.0))
        return made

    monkeypatch.setattr(Store, "put_many", meanwhile)
    benchbox("results", "compact", "results")
    assert values(store) == {cell_id(1): 5.0, cell_id(2): 9.0}


COMPACT = """
import os, signal, sys
from pathlib import Path
from benchbox.store.compaction import compact
from benchbox.store.store import Store

left = int(sys.argv[1])

def deadly(act):
    def do(*given, **named):
        global left
        left -= act is not unlink or str(given[0]).endswith(".parquet")  # and not of leases
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*given, **named)
    return do

unlink = os.unlink
os.fsync, os.replace, os.unlink = deadly(os.fsync), deadly(os.replace), deadly(os.unlink)
compact(Store(Path("results")), lambda items, what: items)
"""


def test_no_row_is_gone_wherever_a_compaction_is_killed(tmp_path: Path) -> None:
    """Before the new file is on the disk, before it has its name, and when some of the others are gone."""
    store = results(tmp_path / "results")
    wanted = {cell_id(i): 4.0 + i for i in range(40)}
    for before in (1, 2, 20):
        for i in range(40):
            store.put(row(i))
        done = subprocess.run([sys.executable, "-c", COMPACT, str(before)], cwd=tmp_path, check=False)
        assert done.returncode == -signal.SIGKILL
        assert values(Store(store.directory)) == wanted
        assert all(store.get(cell) is not None for cell in wanted)
    assert 0 < len(list(store.directory.glob("0*.parquet"))) < 40
    compact(store, lambda items, what: items)
    Store(store.directory).prepare()
    assert values(store) == wanted
    assert len(names(store)) == 1


# merge


def test_rows_of_several_directories_become_one_set(benchbox: Command) -> None:
    results("a", row(1, host="a"), row(2, status="failed", fid=None, host="a"))
    results("b", row(2, host="b"), row(3, host="b", started_at="2026-01-01"))
    into = results("into", row(3, fid=9.0, started_at="2026-01-02"), row(2, status="timeout", fid=None), row(4))
    done = benchbox("results", "merge", "a", "b", "--into", "into")
    assert (done.status, done.out.strip()) == (0, "merged 2 rows and 0 statistics files into into.")
    assert values(into) == {cell_id(1): 5.0, cell_id(2): 6.0, cell_id(3): 9.0, cell_id(4): 8.0}
    hosts = load_results("into").set_index("cell")["host"]
    assert (hosts[cell_id(1)], hosts[cell_id(2)]) == ("a", "b")
    again = benchbox("results", "merge", "a", "b", "--into", "into")
    assert again.out.strip() == "merged 0 rows and 0 statistics files into into."


def test_a_directory_is_made_and_a_published_folder_taken_in(benchbox: Command) -> None:
    from benchbox.report.rows import write_rows

    Path("site/data").mkdir(parents=True)
    import pandas as pd

    twice = [row(1, source="bob", started_at="2026-01-01"), row(1, source="bob", fid=9.0, started_at="2026-01-02")]
    write_rows(pd.DataFrame([*twice, row(2, source="bob")]), Path("site/data/rows.parquet"))
    assert benchbox("results", "merge", "site", "--into", "new/results").status == 0
    frame = load_results("new/results")
    assert dict(zip(frame["cell"], frame["fid"], strict=True)) == {cell_id(1): 9.0, cell_id(2): 6.0}
    assert set(frame["source"]) == {"bob"}


def test_statistics_of_the_most_samples_and_configurations_come_along(benchbox: Command) -> None:
    a, into = results("a", row(1)), results("into")
    a.keep({key(1): kept(80), key(2): kept(10), key(3): kept(30)})
    into.keep({key(2): kept(20)})
    into.keep({key(3): kept(20)})
    (a.directory / "sweeps").mkdir()
    (a.directory / "sweeps" / f"{cell_id(5)}.json").write_text("{}")
    (a.directory / "sweeps" / "passwd.json").symlink_to("/etc/hostname")
    done = benchbox("results", "merge", "a", "--into", "into")
    assert done.out.strip() == "merged 1 row and 2 statistics files into into."
    assert [into.statistics.count(key(i)) for i in (1, 2, 3)] == [80, 20, 30]
    found = into.statistics.get(key(1))
    assert found is not None
    assert found.state["sum"].tolist() == [80.0, 80.0]
    assert [p.name for p in (into.directory / "sweeps").iterdir()] == [f"{cell_id(5)}.json"]


def test_dishonest_and_damaged_rows_of_others_stay_outside_and_are_named(benchbox: Command) -> None:
    a = results("a", row(1), row(2, nfe_max=99.0))
    (a.directory / "x.parquet").write_bytes(b"")
    into = results("into")
    done = benchbox("results", "merge", "a", "--into", "into")
    assert set(values(into)) == {cell_id(1)}
    assert "a: x.parquet was left out" in done.err
    assert f"a: cell {cell_id(2)}: its status is done, but it spent 99 evaluations" in done.err


def test_a_cell_that_somebody_is_at_is_left_to_him(benchbox: Command) -> None:
    results("a", row(1, started_at="2027"), row(2))
    into = results("into", row(1, fid=1.0))
    with Leases(into.directory) as leases:
        leases.take(cell_id(1))
        done = benchbox("results", "merge", "a", "--into", "into")
    assert "merged 1 row and 0 statistics files into into; skipped 1 cell" in done.out
    assert values(into) == {cell_id(1): 1.0, cell_id(2): 6.0}


def test_a_directory_cannot_be_merged_into_itself(benchbox: Command) -> None:
    results("a", row(1))
    done = benchbox("results", "merge", "a", "--into", "./a")
    assert (done.status, done.sentence.split(":")[1]) == (2, " a is both a source and the target")


# prune


@pytest.fixture
def untidy(benchbox: Command) -> Store:
    """What is of use in a directory, and one of each thing that is not."""
    store = results("results", row(1), row(2, status="failed"), row(3, status="diverged"), row(4, status="oom"))
    store.put_details(cell_id(2), "Traceback")
    store.put_many(pa.Table.from_pylist([row(5), row(6, status="timeout", fid=None)]))
    store.keep({key(1): kept(8), key(2): kept(8), key(7): kept(8)})
    (store.directory / "x.damaged").write_bytes(b"x")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (store.directory / f".{cell_id(1)}-{atomic.HOST}-{dead.pid}-0123abcd.tmp").touch()
    code = (
        "import os; from pathlib import Path; from benchbox.store.leases import Leases; "
        f"leases = Leases(Path('results')); leases.take('{cell_id(3)}'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    (store.directory / "README.md").write_text("mine")
    return store


def test_what_is_of_no_use_is_removed_and_nothing_else(benchbox: Command, untidy: Store) -> None:
    before = names(untidy) - {f".{cell_id(3)}.lease"}
    dry = benchbox("results", "prune", "results", "--dry-run")
    assert names(untidy) == before
    assert dry.out.splitlines()[-1] == "would remove 6 files in results, or rows in them."
    done = benchbox("results", "prune", "results")
    assert done.out.splitlines()[:-1] == dry.out.splitlines()[:-1]
    assert done.out.splitlines()[-1] == "removed 6 files in results, or rows in them."
    (compacted,) = untidy.directory.glob("rows-*")
    states = {f"{key(i)}.safetensors" for i in (1, 2)}
    assert names(untidy) == {
        f"{cell_id(1)}.parquet", f"{cell_id(3)}.parquet", *states, "README.md", compacted.name,
    }  # fmt: skip
    assert set(values(untidy)) == {cell_id(i) for i in (1, 3, 5)}
    assert benchbox("results", "verify", "results").status == 0


def test_nothing_of_a_running_process_is_removed(benchbox: Command, untidy: Store) -> None:
    ours = untidy.directory / f".{cell_id(9)}-{atomic.HOST}-{os.getpid()}-0123abcd.tmp"
    ours.touch()
    with Leases(untidy.directory) as leases:
        assert leases.take(cell_id(2))
        done = benchbox("results", "prune", "results")
        assert {f"{cell_id(2)}.parquet", f"{cell_id(2)}.log", f"{key(7)}.safetensors", ours.name} <= names(untidy)
        assert "skipped 1 cell" in done.out.splitlines()[-1]
