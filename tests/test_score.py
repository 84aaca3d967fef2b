"""Samples that exist already are measured as one row, and stand apart from what benchbox sampled itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import Command
from images import RANGE, blobs
from PIL import Image

import benchbox as api
from benchbox.bench.run import make_samples
from benchbox.bench.sweep import Request, expand
from benchbox.inputs.pixels import to_uint8

PIXELS = to_uint8(blobs(48, 0), RANGE).numpy()[:, 0]
FEATURES = ("--set", "features=mnist-cnn")


@pytest.fixture
def pictures(tmp_path: Path, benchbox: Command) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
    np.savez(tmp_path / "pictures.npz", arr_0=PIXELS)
    return folder


def rows() -> list[dict[str, Any]]:
    found: list[Any] = api.load_results("results").sort_values("started_at").to_dict("records")
    return found


def test_a_folder_and_a_file_of_one_content_are_one_row_to_which_metrics_are_added(
    pictures: Path, benchbox: Command
) -> None:
    done = benchbox("score", pictures, "--model", "mnist-edm", "--metric", "fid", "--batch-size", 7)
    assert done.status == 0, done.err
    (first,) = rows()
    assert (first["sampler"], first["status"], first["n_samples"]) == ("score:pictures", "done", 48)
    assert first["model"] == "mnist-edm"
    assert all(pd.isna(first[name]) for name in ("nfe", "schedule", "grid", "wall_s"))
    assert benchbox("score", "pictures.npz", "--model", "mnist-edm", "--metric", "fid,isc").status == 0
    (second,) = rows()
    assert (second["cell"], second["fid"], second["started_at"]) == (first["cell"], first["fid"], first["started_at"])
    assert second["isc"] > 0


def test_pictures_of_no_known_model_are_measured_by_a_reference(pictures: Path, benchbox: Command) -> None:
    assert benchbox("reference", "make", pictures, "-o", "self.npz", "--keep", 48).status == 0
    more = ("--set", "reference=self.npz", "--set", "kid.subset_size=20", *FEATURES)
    assert benchbox("score", pictures, "--metric", "fid,kid,prc", *more).status == 0
    (row,) = rows()
    assert row["fid"] == pytest.approx(0, abs=1e-6)
    assert row["precision"] == 1
    assert pd.isna(row["model"])


def test_saved_samples_have_the_values_that_their_run_had(benchbox: Command) -> None:
    (cell,) = expand(Request(["heun"], [9], ["gaussian"], n_samples=64))
    np.savez("mine.npz", samples=make_samples(cell).numpy())
    run = ("--sampler", "heun", "--nfe", 9, "--model", "gaussian", "--samples", 64, "--device", "cpu")
    assert benchbox("run", *run, "--metric", "sw2,w2,energy").status == 0
    assert benchbox("score", "mine.npz", "--model", "gaussian", "--metric", "sw2,w2,energy").status == 0
    ours, theirs = rows()
    for name in ("sw2", "w2", "energy"):
        assert theirs[name] == pytest.approx(ours[name], rel=1e-5)


def test_boards_hold_them_apart_and_every_command_that_reads_rows_goes_on(pictures: Path, benchbox: Command) -> None:
    assert benchbox("score", pictures, "--model", "mnist-edm", "--metric", "fid", "--seed", 1).status == 0
    assert benchbox("score", pictures, "--name", "b", "--metric", "fid", *FEATURES, "--dataset", "mnist").status == 0
    (cell, _) = [row["cell"] for row in rows()]
    shown = benchbox("leaderboard").out
    assert "mnist-edm, samples from elsewhere: fid (mnist-cnn) of 48 samples" in shown
    assert "score:pictures" in shown
    for format_ in ("csv", "json", "markdown", "latex", "html"):
        assert "score\\:pictures" in benchbox("leaderboard", "--format", format_).out.replace("e:p", "e\\:p")
    assert benchbox("leaderboard", "--format", "html", "--output", "site").status == 0
    assert benchbox("results", "verify").status == 0
    assert benchbox("publish", "--output", "folder").status == 0
    assert "benchbox did not make" in benchbox("rerun", cell).sentence
    assert benchbox("recommend", "--target-fid", 1000).status != 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nothing.npz", "--metric", "fid"), "there is no file"),
        (("pictures",), "--metric fid"),
        (("pictures", "--metric", "fid"), "fid.features=NAME"),
        (("pictures", "--metric", "fid", "--model", "gaussian"), "measures images"),
        (("pictures", "--metric", "sw2", "--model", "gaussian"), "have shape"),
        (("vectors.npz", "--metric", "sw2"), "--model"),
        (("pictures", "--metric", "ode_error", "--model", "mnist-edm"), "needs the run's"),
        (("colours.npz", "--metric", "fid", "--model", "mnist-edm"), "in colour"),
        (("pictures", "--metric", "sw2", "--set", "sw2.projections=8"), "exact draws"),
        (("pictures", "--metric", "fid", "--model", "mnist-edm", "--dataset", "x"), "--dataset"),
    ],
)
def test_a_mistake_is_one_sentence(pictures: Path, benchbox: Command, words: tuple[str, ...], says: str) -> None:
    np.savez("vectors.npz", samples=np.zeros((8, 2), np.float32))
    np.savez("colours.npz", images=np.random.default_rng(0).integers(0, 256, (8, 28, 28, 3), np.uint8))
    outcome = benchbox("score", *words)
    assert outcome.status == 2
    assert says in outcome.sentence
