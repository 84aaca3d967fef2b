"""The pages say what is true: their commands run as they stand, in order, and their links and names lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from environment import ROOT, Environment, create, served
from pages import PAGES, Page, read

import benchbox
from benchbox import hookspecs, testing
from benchbox.cli.main import app

ALL = [Page(path) for path in PAGES]
README, DOCS, PLUGINS = (
    [page for page in ALL if page.path.parts[len(ROOT.parts)] == first] for first in ("README.md", "docs", "plugins")
)
TOUR = ROOT / "docs" / "commands.md"
"""The page that is read after the README, before all others."""

AUTHORS = ("ship-your-sampler.md", "tutorial.md", "your-metric.md")
"""Pages that begin in an empty folder."""


REACHED = {
    "--target-fid 5 ": "--target-fid 5000 ", "--target-fid 4.5 ": "--target-fid 5000 ",
    "--time-budget 30 ": "--time-budget 3000 ",
}  # fmt: skip
"""What is reached with so few samples, on a machine that is at work."""

SHORTER = {
    "--steps 100 ": "--steps 10 ", "--mutants 50 ": "--mutants 3 ", "benchbox tune ": "benchbox tune --samples 32 ",
    "check heun ddim ": "check --quick heun ddim ", "check heun --json ": "check --quick heun --json ",
}  # fmt: skip
"""The same commands with less work."""


@dataclass(frozen=True)
class Reader:
    """Who has read the README and the tour of the commands: where they were typed, and what was printed."""

    here: Environment
    printed: dict[str, str]


def own_files(folder: Path) -> None:
    """What the pages say is the reader's own."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 28, 28), dtype=np.uint8)
    np.savez(folder / "images.npz", images=images[:4])
    np.savez(folder / "mnist.npz", x_train=images, x_test=images, y_train=np.arange(12) % 10)
    np.savez(folder / "fid-refs.npz", mu=np.zeros(4), sigma=np.eye(4))
    (folder / "plugins").symlink_to(ROOT / "plugins")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """The README and the tour are read once for all pages. 391f75ce stands for a cell of the reader's."""
    (page,) = README
    with served(create(tmp_path_factory.mktemp("reader"), samples=4)) as here:
        own_files(here.folder)
        (here.folder / ".venv").symlink_to(here.folder.parent / "venv")
        main_job = page.commands[0].rpartition(" && ")[2]
        assert main_job == ".venv/bin/benchbox run --sampler heun --nfe 18,35,50"
        installed = here.as_installed()
        installed.succeeds(main_job)
        (cell, *_) = benchbox.load_results(str(here.folder / "results"))["cell"]
        printed = read(page, installed)
        yield Reader(here, read(Page(TOUR), installed, SHORTER | REACHED | {"391f75ce": cell[:8]}, printed))


def test_the_readme_and_the_tour_work_line_by_line(reader: Reader) -> None:
    rows = benchbox.load_results(str(reader.here.folder / "results"))
    assert set(rows["status"]) <= {"done", "skipped"}
    assert "mine" in set(rows["model"])
    assert "heun" in reader.printed["benchbox leaderboard results"]


@pytest.mark.parametrize(
    "page", [page for page in DOCS if page.path.name not in (*AUTHORS, TOUR.name)], ids=lambda page: page.name
)
def test_a_page_works_line_by_line_after_the_readme(page: Page, reader: Reader, tmp_path: Path) -> None:
    if not any(page.runs(line) for line in page.commands):
        pytest.skip("no command of this page runs here")
    here = replace(reader.here, folder=tmp_path / "work")
    shutil.copytree(reader.here.folder, here.folder, symlinks=True)
    for name in ("results-old", "results-new", "a", "b", "bobs-rows"):
        shutil.copytree(here.folder / "results", here.folder / name)
    here.succeeds("git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m a")
    read(page, here, SHORTER | REACHED, reader.printed)


@pytest.mark.parametrize("page", [page for page in DOCS if page.path.name in AUTHORS], ids=lambda page: page.name)
def test_a_page_for_authors_works_from_an_empty_folder(page: Page, tmp_path: Path) -> None:
    with served(create(tmp_path, samples=4)) as here:
        printed = read(page, here.as_installed())
    rows = benchbox.load_results(str(here.folder / "results"))
    assert set(rows["status"]) == {"done"}
    assert {"my-sampler", "my_metric"} & {*rows["sampler"], *rows.columns}
    boards = [text for line, text in printed.items() if line == "benchbox leaderboard"]
    assert all("my-sampler" in text for text in boards[-1:])


@pytest.mark.parametrize("page", [page for page in PLUGINS if page.commands], ids=lambda page: page.name)
def test_the_page_of_a_package_works_from_this_checkout(page: Page, tmp_path: Path) -> None:
    with served(create(tmp_path, samples=4)) as here:
        own_files(here.folder)
        read(page, here)


def test_every_command_is_run_or_its_page_says_why_not() -> None:
    """A mark names commands that are there; so few commands are not run."""
    counts = [0, 0]
    for page in ALL:
        for begin in page.marks:
            assert any(line.startswith(begin) for line in page.commands), f"{page.name} has no {begin}"
        for line in page.commands:
            counts[page.runs(line)] += 1
    assert counts[False] <= 30
    assert counts[True] >= 60


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_every_benchbox_command_has_these_options(page: Page) -> None:
    """Those in the text, too, and those that are not run."""
    from typer.main import get_command

    commands = get_command(app).commands  # type: ignore[attr-defined]
    lines = [line.strip() for line in page.commands] + re.findall(r"`(benchbox [^`]+)`", page.text.replace("\n", " "))
    for line in lines:
        for part in re.split(r" && |; | > | -- ", line):
            words = shlex.split(part)
            if words[:1] != ["benchbox"] or not words[1:] or words[1].startswith("-"):
                continue
            command = commands[words[1]]
            options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
            for inner in getattr(command, "commands", {}).values():
                options |= {o for p in inner.params for o in (*p.opts, *p.secondary_opts)}
            assert {w.partition("=")[0] for w in words[2:] if re.match(r"--?\w", w)} <= options, line


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_links_lead_to_files(page: Page) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.text):
        assert target.startswith("http") or (page.path.parent / target).exists(), target


def test_a_caption_names_the_command_that_makes_the_picture() -> None:
    captions = [(page.name, text[:600]) for page in ALL for text in re.split(r"!\[[^]]*\]\([^)]+\)", page.text)[1:]]
    assert len(captions) >= 5
    for name, caption in captions:
        assert re.search(r"python docs/|benchbox plot ", caption), name


def test_the_contract_names_what_there_is() -> None:
    page = Page(ROOT / "docs" / "contract.md")
    assert f"Version {hookspecs.CONTRACT} of the contract" in page.text
    hooks = {name for name in vars(hookspecs) if name.startswith("benchbox_")}
    assert set(re.findall(r"^\| `(benchbox_\w+)`", page.text, re.MULTILINE)) == hooks
    for listed, names in (("benchbox.__all__", benchbox.__all__), ("benchbox.testing.__all__", testing.__all__)):
        (said,) = re.findall(rf"`{re.escape(listed)}`\s*\(([^)]*)\)", page.text)
        assert set(re.findall(r"`(\w+)`", said)) == set(names)
    (stated,) = (block.text for block in page.blocks if block.language == "python")
    assert stated == f'benchbox_contract = ">={hookspecs.CONTRACT},<{hookspecs.CONTRACT + 1}"\n'
