"""Samples of a run in files, by their numbers: all of them, once, however often the run was stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from conftest import Command, Watcher
from PIL import Image
from sweeping import run_cells

from benchbox.bench.cell import Cell
from benchbox.bench.run import Run, make_samples
from benchbox.bench.samples import open_samples
from benchbox.bench.saver import Saver
from benchbox.bench.saving import n_in_files, samples_folder
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import Request, expand
from benchbox.executors.local import Local
from benchbox.inputs.pixels import to_uint8
from benchbox.stopping import Interrupted
from benchbox.store.store import Store

IMAGES = {"mean": "0", "eigenvalues": ":".join(["1"] * 48), "sample_shape": "3:4:4", "data_range": "-1:1"}


def cell(folder: Path, format_: Literal["npz", "png"] = "npz", n: int = 64, **options: str) -> Cell:
    settings = [Setting("gaussian", name, [value]) for name, value in options.items()]
    request = Request(["heun"], [5], ["gaussian"], metrics=["sw2"], n_samples=n, batch_size=16, settings=settings)
    (made,) = expand(request)
    return replace(made, save=Saver(folder, format_))


def sweep(store: Store, made: Cell, count: int = 4) -> tuple[dict[str, Any], list[str]]:
    store.prepare()
    watcher = Watcher()
    (row,) = run_cells([made], store, Local(), watcher, count=count)
    return row, watcher.todo


def saved(made: Cell) -> Any:
    return open_samples(samples_folder(made))[:]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def test_every_shard_is_a_file_and_more_samples_go_on_in_it(store: Store, tmp_path: Path) -> None:
    made = cell(tmp_path / "s")
    sweep(store, made)
    names = [path.name for path in sorted(samples_folder(made).iterdir())]
    assert names == [f"{i:07d}-{i + 15:07d}.npz" for i in range(0, 64, 16)]
    np.testing.assert_array_equal(saved(made), make_samples(made).numpy())
    more = cell(tmp_path / "s", n=96)
    row, _ = sweep(store, more)
    assert row["n_timed"] == 32
    np.testing.assert_array_equal(saved(more), make_samples(more).numpy())


@pytest.mark.parametrize("format_", ["npz", "png"])
def test_images_are_saved_as_the_metrics_see_them(store: Store, tmp_path: Path, format_: Literal["npz", "png"]) -> None:
    made = cell(tmp_path / "s", format_, **IMAGES)
    sweep(store, made)
    np.testing.assert_array_equal(saved(made), to_uint8(make_samples(made), (-1.0, 1.0)).numpy())
    if format_ == "png":
        with Image.open(samples_folder(made) / "0000063.png") as picture:
            assert (picture.size, picture.mode) == ((4, 4), "RGB")


def test_a_stopped_run_goes_on_from_the_samples_that_are_in_files(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, ran, batch = cell(tmp_path / "s"), list[int](), Run.batch

    def stops_at_the_third(run: Run, first: int, n: int) -> torch.Tensor:
        if len(ran) == 2:
            raise Interrupted
        ran.append(first)
        return batch(run, first, n)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "batch", stops_at_the_third)
        with pytest.raises((Interrupted, ValueError)):
            sweep(store, made)
    assert n_in_files(made) == 32
    row, _ = sweep(store, made)
    assert row["n_timed"] == 32
    np.testing.assert_array_equal(saved(made), make_samples(made).numpy())


def test_samples_of_a_done_cell_that_are_in_no_file_are_made_again_and_its_row_stays(
    store: Store, tmp_path: Path
) -> None:
    made = cell(tmp_path / "s")
    first, _ = sweep(store, replace(made, save=None))
    assert sweep(store, made) == (first, ["metrics"])
    assert sweep(store, made) == (first, ["done"])
    (samples_folder(made) / "0000016-0000031.npz").unlink()
    assert n_in_files(made) == 16
    assert sweep(store, made) == (first, ["metrics"])
    np.testing.assert_array_equal(saved(made), make_samples(made).numpy())


def test_the_command_saves_and_refuses_in_one_sentence(benchbox: Command, tmp_path: Path) -> None:
    run = ("run", "--sampler", "ddim", "--nfe", 4, "--model", "gaussian", "--samples", 16, "--device", "cpu")
    assert "are not images" in benchbox(*run, "--save-samples", "s", "--save-format", "png").sentence
    (tmp_path / "file").write_text("")
    assert "cannot be written" in benchbox(*run, "--save-samples", "file").sentence
    assert benchbox(*run, "--save-samples", "s", "--dry-run").status == 0
    assert not Path("s").exists()
    assert benchbox(*run, "--save-samples", "s").status == 0
    (folder,) = Path("s").iterdir()
    assert open_samples(folder)[:].shape == (16, 4)
    assert benchbox("score", folder, "--model", "gaussian", "--metric", "sw2").status == 0


def test_a_missing_shard_is_named_where_samples_are_measured(benchbox: Command) -> None:
    run = ("run", "--sampler", "ddim", "--nfe", 4, "--model", "gaussian", "--samples", 48, "--batch-size", 16)
    assert benchbox(*run, "--metric", "none", "--save-samples", "s", "--shards", 3).status == 0
    (folder,) = Path("s").iterdir()
    min(folder.glob("*.npz")).unlink()
    done = benchbox("score", folder, "--model", "gaussian", "--metric", "sw2")
    assert done.status == 2
    assert "hold 32 samples, numbered up to 47: some are missing" in done.sentence
    above = benchbox("score", "s", "--model", "gaussian", "--metric", "sw2")
    assert f"s has no samples of its own: give one of its folders, such as {folder}" in above.sentence
