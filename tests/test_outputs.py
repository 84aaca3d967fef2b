"""What a command writes is there whole, or what was there before still is."""

from __future__ import annotations

import os
import re
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import Command

from benchbox.atomic import output
from benchbox.card import Card
from benchbox.errors import UsageError
from benchbox.metrics.reference import write_arrays
from benchbox.report.plots.style import save_figure as save
from benchbox.report.plots.style import styled

ROOT = Path(__file__).parents[1]


@contextmanager
def full_disk(room: int = 16) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def plot(path: Path) -> None:
    from matplotlib.figure import Figure

    with styled():
        save(Figure(figsize=(1, 1)), path, "a title")


def script(path: Path) -> None:
    from benchbox.cli.cluster import slurm

    slurm(["run", "--sampler", "heun"], nodes=1, time="1:00:00", output=path)


def page(path: Path) -> None:
    from benchbox.report.page.single import _page

    _page(path, "a title", picture="data:image/png;base64,", description="nothing")


CARD = Card("m", "d", "", [1, 8, 8], [-1.0, 1.0], {"net": "unet"}, "edm", {"name": "edm"}, 0.5)

WRITERS: dict[str, Callable[[Path], None]] = {
    "out.npz": lambda path: write_arrays(path, {"mu": np.zeros(400), "sigma": np.eye(400)}),
    "out.svg": plot,
    "out.png": plot,
    "out.pdf": plot,
    "out.html": page,
    "out.sbatch": script,
    "out.json": CARD.write,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    before = path.read_bytes()
    assert len(before) > 16
    with full_disk(), pytest.raises(UsageError, match=rf"{re.escape(name)} cannot be written: File too large\."):
        WRITERS[name](path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_leaderboard_on_a_full_disk_leaves_the_old_one(benchbox: Command, tmp_path: Path) -> None:
    arguments = ("leaderboard", ROOT / "results" / "reference", "--format", "csv", "-o", "board.csv")
    assert benchbox(*arguments).status == 0
    before = (tmp_path / "board.csv").read_bytes()
    with full_disk():
        done = benchbox(*arguments)
    assert done.status == 2
    assert "board.csv cannot be written: File too large." in done.sentence
    assert (tmp_path / "board.csv").read_bytes() == before


def test_an_error_on_the_way_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    with pytest.raises(TypeError), output(tmp_path / "f") as file:
        file.write("no bytes")  # type: ignore[arg-type]
    assert (tmp_path / "f").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_an_output_keeps_its_rights_follows_a_link_and_may_be_a_device(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    (tmp_path / "f").chmod(0o640)
    (tmp_path / "link").symlink_to("f")
    with output(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "f").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640
    with output(Path(os.devnull)) as file:
        file.write(b"nothing")
    assert not Path(os.devnull).is_file()


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: Is a directory"), output(tmp_path):
        pass


def test_a_new_package_is_there_whole_or_not_at_all(benchbox: Command, tmp_path: Path) -> None:
    with full_disk():
        assert "my-sampler cannot be written: File too large." in benchbox("new", "sampler", "my-sampler").sentence
    assert list(tmp_path.iterdir()) == []


ASIDE = {"atomic.py", "report/hosts.py", "bench/part.py", "store/leases.py", "workers/child.py", "bench/meter.py"}
"""Which may write otherwise: the function itself, a temporary folder, memory, a results directory's leases, /proc."""

PLACES = re.compile(r"\.write_text\(|\.write_bytes\(|\bsave_file\(|\bopen\([^)]*[\"'][wax]|\bto_csv\(.*path")


def test_nothing_writes_a_file_but_through_the_one_function() -> None:
    package = ROOT / "benchbox"
    found = {
        path.relative_to(package).as_posix(): line.strip()
        for path in package.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if PLACES.search(line)
    }
    kept = {"training/loop.py", "scaffold/__init__.py", "cli/streams.py"}  # moved into place as a whole; no file
    assert found.keys() - ASIDE - kept == set()
