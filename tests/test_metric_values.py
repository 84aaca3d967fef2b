"""A value of a metric has an identity: its options and the contents of its files. Settings stand beside each other."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import Command, Watcher
from images import blobs, written
from sweeping import measure, run_cells

from benchbox.bench.cell import Cell
from benchbox.bench.rerun import differing_columns, rebuild
from benchbox.bench.row import state_key
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import Request, expand
from benchbox.executors.local import Local
from benchbox.metrics.features import extractor
from benchbox.report.compare import of_directories
from benchbox.report.publish import row_fault
from benchbox.report.ranking import boards
from benchbox.store.merging import merge
from benchbox.store.store import Store, load_results
from benchbox.store.tables import framed
from benchbox.store.values import values

IMAGES = {"mean": "0", "eigenvalues": ":".join(["1"] * 784), "sample_shape": "1:28:28", "data_range": "-1:1"}


def cell(*projections: int, n: int = 32, sampler: str = "ddim") -> Cell:
    settings = [Setting("sw2", "projections", list(projections))] if projections else []
    request = Request([sampler], [4], ["gaussian"], metrics=["sw2"], n_samples=n, settings=settings)
    (made,) = expand(request)
    return made


def image_cell(**options: Any) -> Cell:
    given = [Setting("gaussian", name, [value]) for name, value in IMAGES.items()]
    given += [Setting("fid", name, [value]) for name, value in ({"features": "mnist-cnn"} | options).items()]
    (made,) = expand(Request(["ddim"], [2], ["gaussian"], metrics=["fid"], n_samples=32, settings=given))
    return made


def sweep(store: Store, *cells: Cell) -> tuple[dict[str, Any], list[str]]:
    store.prepare()
    watcher = Watcher()
    (row,) = run_cells(cells, store, Local(), watcher)
    return row, watcher.todo


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return written(tmp_path / "reference.npz", blobs(80, 1), extractor("mnist-cnn", "cpu"))


def test_another_setting_stands_beside_the_first_and_both_stay(store: Store) -> None:
    first, _ = sweep(store, cell())
    second, todo = sweep(store, cell(8))
    assert (todo, second["sw2"], second["sw2_std"]) == (["metrics"], first["sw2"], first["sw2_std"])
    (other,) = [value for value in values(second) if value.suffix]
    assert other.options["projections"] == 8
    assert second[f"sw2{other.suffix}"] == measure(cell(8))["sw2"] != first["sw2"]
    for again in (cell(), cell(8), cell(8, 64)):
        assert sweep(store, again)[1] == ["done"]
    assert store.get(first["cell"]) == second


def test_several_settings_in_one_run_are_each_that_of_a_run_of_its_own(store: Store) -> None:
    row, _ = sweep(store, cell(8, 16, 64))
    found = {value.options["projections"]: row["sw2" + value.suffix] for value in values(row)}
    assert found == {n: measure(cell(n))["sw2"] for n in (8, 16, 64)}
    more, _ = sweep(store, cell(8, 16, n=64))
    assert (more["n_timed"], more["sw2"]) == (32, measure(cell(8, n=64))["sw2"])


def test_other_contents_of_a_reference_are_another_value(store: Store, reference: Path, tmp_path: Path) -> None:
    first, _ = sweep(store, image_cell(reference=str(reference)))
    moved = shutil.copy(reference, tmp_path / "moved.npz")
    assert sweep(store, image_cell(reference=str(moved)))[1] == ["done"]
    name = state_key(image_cell(reference=str(reference)), image_cell(reference=str(reference)).metrics[0])
    written(reference, blobs(80, 2), extractor("mnist-cnn", "cpu"))
    changed = image_cell(reference=str(reference))
    assert state_key(changed, changed.metrics[0]) != name
    second, todo = sweep(store, changed)
    (other,) = [value for value in values(second) if value.suffix]
    assert (todo, second["fid"]) == (["metrics"], first["fid"])
    assert second["fid" + other.suffix] == measure(changed)["fid"] != first["fid"]
    assert second["fid_reference" + other.suffix] != second["fid_reference"]


def test_a_row_of_an_earlier_version_has_the_value_that_its_options_name(store: Store) -> None:
    row = measure(cell()) | {"metric_values": None}
    store.prepare()
    store.put(row)
    assert sweep(store, cell())[1] == ["done"]
    assert sweep(store, cell(8))[0]["sw2"] == row["sw2"]


def test_a_rerun_measures_every_setting(store: Store) -> None:
    sweep(store, cell())
    row, _ = sweep(store, cell(8, 16))
    again = measure(rebuild(row))
    assert differing_columns(row, again) == []
    assert len(values(again)) == 3


def test_values_of_different_settings_are_never_on_one_board(store: Store) -> None:
    for name, projections in (("ddim", (64, 8)), ("heun", (8,))):
        sweep(store, cell(*projections, sampler=name))
    ranked = boards(framed(store.table()))
    found = {json.loads(b.task.setting)["projections"]: [e.setup.sampler for e in b.entries] for b in ranked}
    assert {n: sorted(names) for n, names in found.items()} == {8: ["ddim", "heun"], 64: ["ddim"]}
    assert all(row_fault(row) is None for row in store.table().to_pylist())


def test_directories_are_compared_by_values_of_one_setting(tmp_path: Path) -> None:
    tables = []
    for name, projections in (("a", (8,)), ("b", (64,)), ("c", (64, 8))):
        sweep(store := Store(tmp_path / name), cell(*projections))
        tables.append(boards(framed(store.table())))
    assert of_directories(tables[0], tables[1]) == []
    (pair,) = of_directories(tables[0], tables[2])
    assert pair.difference.estimate.value == 0


def test_merging_keeps_the_values_of_both(tmp_path: Path) -> None:
    a, b, into = (Store(tmp_path / name) for name in ("a", "b", "into"))
    first, _ = sweep(a, cell(8))
    second, _ = sweep(b, cell(64, 16))
    merge(into, [a, b], row_fault, lambda items, what: items)
    row = into.get(first["cell"])
    assert row is not None
    found = {value.options["projections"]: row["sw2" + value.suffix] for value in values(row)}
    assert found == {8: first["sw2"], 64: second["sw2"], 16: second["sw2" + values(second)[1].suffix]}
    assert sweep(into, cell(8, 16, 64))[1] == ["done"]
    assert merge(into, [a, b], row_fault, lambda items, what: items).rows == 0


def test_a_label_that_is_no_option_of_a_value_is_refused(store: Store) -> None:
    row, _ = sweep(store, cell(64, 8))
    stray = row | {"sw2@00000000": 1.0}
    assert row_fault(row) is None
    assert "sw2@00000000" in str(row_fault(stray))


def test_a_run_may_have_no_metric(benchbox: Command) -> None:
    done = benchbox(
        "run", "--sampler", "ddim", "--nfe", "4", "--model", "gaussian", "--samples", "16", "--metric", "none"
    )
    assert (done.status, "w2" in done.out) == (0, False)
    (row,) = load_results("results").to_dict("records")
    assert (row["status"], row["metric_options"]) == ("done", "{}")


CARD = '''
from dataclasses import dataclass
import benchbox
from benchbox import Model

@dataclass(frozen=True)
class Mine(Model):
    """It names no metrics, so the default stands; it has no exact draws."""

    name = "mine"
    shape = (2,)
    data_range = (-1.0, 1.0)

    @property
    def schedule(self):
        return benchbox.get("schedule", "edm")

    def denoiser(self, device):
        return lambda x, sigma: x / (1 + sigma**2)
'''


def test_a_default_metric_that_cannot_measure_the_model_is_left_out_and_named(
    benchbox: Command, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(CARD)
    run = ("run", "--sampler", "ddim", "--nfe", "4", "--samples", "16", "--model", "py:mine:Mine")
    done = benchbox(*run)
    assert done.status == 0
    assert "py:mine:Mine is run without its sw2: metric sw2 needs exact draws" in done.err
    assert "needs exact draws" in benchbox(*run, "--metric", "sw2").sentence
    assert "needs exact draws" in benchbox(*run, "--set", "sw2.projections=8").sentence


def test_one_heading_of_the_table_is_one_setting(benchbox: Command) -> None:
    """Whichever setting of a metric a row had first, and so has under the metric's own name."""
    run = ("run", "--nfe", "4", "--model", "mixture", "--samples", "32", "--metric", "sw2")
    assert benchbox(*run, "--sampler", "heun", "--set", "sw2.projections=8").status == 0
    assert benchbox(*run, "--sampler", "ddim").status == 0
    table = benchbox(*run, "--sampler", "heun,ddim").out
    heun, ddim = load_results("results").sort_values("sampler", ascending=False).to_dict("records")
    (other,) = (value for name, value in heun.items() if name.startswith("sw2@"))
    headings = [cell.strip() for cell in table.splitlines()[2].split("┃")]
    lines = [[cell.strip() for cell in line.split("│")] for line in table.splitlines() if "│" in line]
    by_heading = [dict(zip(headings, line, strict=True)) for line in lines]
    assert [line["sw2"] for line in by_heading] == [f"{heun['sw2']:.4g}", f"{ddim['sw2']:.4g}"]
    assert [line["sw2 (projections=8)"] for line in by_heading] == [f"{other:.4g}", "–"]


def test_a_column_of_loaded_results_holds_one_setting(store: Store) -> None:
    first, second = (sweep(store, cell(*p, sampler=name))[0] for p, name in (((8,), "ddim"), ((), "heun")))
    both, _ = sweep(store, cell(8, sampler="euler-maruyama"))
    both, _ = sweep(store, cell(sampler="euler-maruyama"))
    third, _ = sweep(store, cell(sampler="pc"))
    loaded = load_results(store.directory).set_index("sampler")
    (mark,) = [name.removeprefix("sw2@") for name in loaded if name.startswith("sw2@")]
    usual, other = loaded["sw2"], loaded[f"sw2@{mark}"]
    assert usual[["heun", "pc"]].tolist() == [second["sw2"], third["sw2"]]
    assert math.isnan(usual["ddim"])
    assert other["ddim"] == first["sw2"]
    assert other["euler-maruyama"] == both["sw2"]
    assert loaded.at["ddim", f"sw2_std@{mark}"] == first["sw2_std"]
    for name in loaded.index:
        for value in values(loaded.loc[name].to_dict()):
            assert (value.options.get("projections") == 8) == bool(value.suffix)
            assert loaded.at[name, f"sw2{value.suffix}"] > 0
