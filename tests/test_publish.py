"""Publishing: what is not whole or not honest is refused, others' rows keep their source, nothing else is touched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from conftest import Command
from report_rows import USUAL, nothing_usual

import benchbox as package
from benchbox.errors import UsageError
from benchbox.report.hosts import Branch, DataSet
from benchbox.report.page.folder import write_site
from benchbox.report.page.manifest import MANIFEST_FILE
from benchbox.report.page.site import Site
from benchbox.report.publish import check_publishable, merged_rows, write_folder
from benchbox.report.rows import write_rows
from benchbox.store.schema import ORDER

FULL = dict.fromkeys(ORDER) | USUAL | {
    "stream": "s", "cell": "c", "nfe_max": 10.0, "host": "here", "started_at": "2026-01-01", "benchbox": "0.1.0",
}  # fmt: skip


def frame(*lines: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([FULL | {"stream": f"s{i}", "cell": f"c{i}"} | line for i, line in enumerate(lines)])


# what is refused


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"nfe_max": 12.0}, "its status is done, but it spent 12 evaluations of a budget of 10: it is dishonest"),
        ({"nfe_max": None}, "its number of evaluations is missing"),
        ({"nfe": 11.0}, "its mean number of evaluations, 11, exceeds its maximum, 10"),
        ({"status": "great"}, "its status is 'great', not one of dishonest, diverged, done"),
        ({"cell": ""}, "cell is missing"),
        ({"metric_options": "{}"}, "it has a value of fid without the options of the metric"),
    ],
)
def test_a_row_that_is_not_whole_or_not_honest_is_refused(row: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check_publishable(frame({}, row))


def test_rows_of_one_stream_agree_in_what_it_is_made_from() -> None:
    check_publishable(frame({"stream": "s"}, {"stream": "s", "n_samples": 2000, "cell": "d"}))
    with pytest.raises(UsageError, match="stream s cannot be published: its rows differ in model_sha256"):
        check_publishable(frame({"stream": "s"}, {"stream": "s", "model_sha256": "other"}))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(UsageError, match="the column started_at is missing"):
        check_publishable(frame({}).drop(columns="started_at"))


def test_what_failed_or_overspent_and_says_so_is_published() -> None:
    check_publishable(
        frame({"status": "dishonest", "nfe_max": 12.0}, {"status": "failed", "nfe": None, "nfe_max": None})
    )


# merging


def sources(rows: pd.DataFrame, key: str = "cell") -> dict[Any, str]:
    return dict(zip(rows[key], rows["source"].fillna(""), strict=True))


def test_others_are_named_and_stay_named() -> None:
    again = merged_rows(frame({}), {"bob": frame({"cell": "b"}).assign(source=None)})
    assert sources(again) == {"b": "bob", "c0": ""}
    third = merged_rows(frame({"cell": "a"}), {"carol": again})
    assert sources(third) == {"a": "", "b": "bob", "c0": "carol"}


def test_of_a_cell_measured_twice_the_last_or_all_are_kept_and_never_one_twice() -> None:
    own = frame({"started_at": "2026-01-02"}, {})
    bob = frame({"started_at": "2026-01-01", "host": "bob's"})
    assert merged_rows(own, {"bob": bob})["host"].tolist() == ["here", "here"]
    everything = merged_rows(own, {"bob": bob, "again": bob}, "all")
    assert everything["source"].fillna("").tolist() == ["bob", "", ""]
    assert len(merged_rows(everything, {}, "all")) == 3


# what is the keeper's own


def test_the_keepers_readme_and_workflow_stay_on_a_branch(benchbox: Command, repository: Path) -> None:
    run = ("run", "--model", "mixture", "--samples", 16, "--sampler", "ddim", "--nfe")
    own = {"README.md": "Our board", ".github/workflows/submissions.yml": "BENCHBOX_SOURCE: ./benchbox"}
    for nfe in (5, 7):  # the README is the publication’s own file at first
        benchbox(*run, nfe)
        assert benchbox("publish", "--to", "git", "--output", ".").status == 0
        Path("own/.github/workflows").mkdir(parents=True, exist_ok=True)
        for name, text in own.items():
            Path("own", name).write_text(text)
        Branch(repository, "gh-pages").commit(Path("own"), "Our own")
    benchbox(*run, 9)
    assert benchbox("publish", "--to", "git", "--output", ".").out.startswith("3 rows")
    assert {name: git(repository, "show", f"gh-pages:{name}") for name in own} == own


# where to


def site(*lines: dict[str, Any]) -> Site:
    return Site(merged_rows(frame(*lines), {}), nothing_usual)


def test_a_folder_is_ready_for_pages_and_is_read_again(tmp_path: Path) -> None:
    write_folder(site({}, {"fid": None, "status": "failed"}), tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {
        ".nojekyll", "README.md", "assets", "data", "index.html", "models", "rows.html", "samplers",
    }  # fmt: skip
    assert "data_files: data/rows.parquet" in (tmp_path / "README.md").read_text()
    back = package.load_results(str(tmp_path / "data"))
    assert back["status"].tolist() == ["done", "failed"]


def pages(folder: Path) -> set[str]:
    return {p.name for p in folder.glob("samplers/*")}


def test_a_page_of_a_sampler_that_is_gone_is_removed_and_no_other_file(tmp_path: Path) -> None:
    write_folder(site({"sampler": "ddim"}, {"sampler": "mine"}), tmp_path)
    own = tmp_path / "samplers" / "notes.html"
    own.write_text("mine")
    assert pages(tmp_path) == {"ddim.html", "mine.html", "notes.html"}
    write_folder(site({"sampler": "ddim"}, {"sampler": "ddim", "seed": 1}), tmp_path)
    assert pages(tmp_path) == {"ddim.html", "notes.html"}
    assert own.read_text() == "mine"


def test_what_somebody_changed_or_links_to_is_not_removed(tmp_path: Path) -> None:
    folder, other = tmp_path / "site", tmp_path / "other.html"
    write_folder(site({"sampler": "a"}, {"sampler": "b"}, {"sampler": "c"}), folder)
    other.write_bytes((folder / "samplers" / "b.html").read_bytes())
    (folder / "samplers" / "a.html").write_text("changed")
    (folder / "samplers" / "b.html").unlink()
    (folder / "samplers" / "b.html").symlink_to(other)
    told = json.loads((folder / MANIFEST_FILE).read_text())
    told["files"]["../other.html"] = told["files"]["samplers/b.html"]
    (folder / MANIFEST_FILE).write_text(json.dumps(told))
    (folder / "README.md").write_text("my own")
    write_folder(site({}, {}, {}), folder)
    assert pages(folder) == {"a.html", "b.html", "heun.html"}
    assert other.exists()
    assert (folder / "README.md").read_text() == "my own"


@pytest.mark.parametrize("text", ["", "[]", '{"files": 3}', '{"files": ["a"]}', "\x00"])
def test_a_manifest_that_cannot_be_read_removes_nothing(tmp_path: Path, text: str) -> None:
    write_folder(site({"sampler": "a"}), tmp_path)
    (tmp_path / MANIFEST_FILE).write_text(text)
    write_folder(site({"sampler": "b"}), tmp_path)
    assert pages(tmp_path) == {"a.html", "b.html"}


def test_rows_that_would_be_lost_are_not_overwritten(tmp_path: Path) -> None:
    write_folder(site({}, {}), tmp_path)
    with pytest.raises(UsageError, match="has 1 rows that are not among these: benchbox publish --output"):
        write_site(site({}), tmp_path)
    path = tmp_path / "data" / "rows.parquet"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UsageError, match=r"rows\.parquet cannot be read and would be overwritten"):
        write_site(site({}, {}), tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one commit and something not committed."""
    for words in (["init", "-q", "-b", "main"], ["config", "user.name", "n"], ["config", "user.email", "e"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    (tmp_path / "code.py").write_text("1")
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    subprocess.run(["git", "-C", tmp_path, "commit", "-qm", "code"], check=True)
    (tmp_path / "code.py").write_text("2")
    (tmp_path / ".gitignore").write_text("*.parquet\n")
    return tmp_path


def git(repository: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", repository, *words], check=True, capture_output=True, text=True).stdout


def test_a_branch_is_written_and_nothing_else(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")
    folder = tmp_path_factory.mktemp("made")
    write_folder(site({}), folder)
    branch = Branch(repository, "gh-pages")
    first = branch.commit(folder, "Results")
    assert git(repository, "rev-parse", "gh-pages").strip() == first
    names = git(repository, "ls-tree", "-r", "--name-only", "gh-pages").split()
    assert "index.html" in names
    assert "data/rows.parquet" in names
    assert "code.py" not in names
    assert branch.commit(folder, "Results") == ""
    (folder / "more.txt").touch()
    second = branch.commit(folder, "More")
    assert git(repository, "rev-parse", f"{second}^").strip() == first
    assert (git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")) == before
    (folder / "more.txt").unlink()
    third = branch.commit(folder, "Less", ["more.txt"])
    assert "more.txt" not in git(repository, "ls-tree", "--name-only", third)
    (folder / "index.html").unlink()  # what is not there now was not written now, and stays
    assert branch.commit(folder, "Same") == ""
    branch.fetch(back := tmp_path_factory.mktemp("back"))
    assert len(package.load_results(str(back / "data"))) == 1


def test_a_branch_that_is_checked_out_or_no_repository_is_refused(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(UsageError, match="branch main is checked out"):
        Branch(repository, "main")
    with pytest.raises(UsageError, match="not a git repository"):
        Branch(tmp_path_factory.mktemp("none"), "gh-pages")
    with pytest.raises(UsageError, match="git check-ref-format"):
        Branch(repository, "a..b")


class Hub:
    """A hub that keeps one data set in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, list[str]()

    def __getattr__(self, what: str) -> Any:
        def call(repo_id: str, repo_type: str, **arguments: Any) -> Any:
            assert (repo_id, repo_type) == ("me/results", "dataset")
            self.calls.append(what)
            match what:
                case "repo_exists":
                    return True
                case "file_exists":
                    return (self.folder / arguments["filename"]).exists()
                case "hf_hub_download":
                    return str(self.folder / arguments["filename"])
                case "upload_folder":
                    shutil.copytree(arguments["folder_path"], self.folder, dirs_exist_ok=True)
                    for name in arguments["delete_patterns"]:
                        (self.folder / name).unlink()
                    return "the commit"
                case "create_repo":
                    return None
            raise AssertionError(what)

        return call


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub(tmp_path_factory.mktemp("hub"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(HfApi=lambda: made))
    return made


def test_what_the_hub_refuses_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**arguments: Any) -> None:
        raise RuntimeError("401 Client Error.\nlog in")

    monkeypatch.setitem(
        sys.modules, "huggingface_hub", SimpleNamespace(HfApi=lambda: SimpleNamespace(create_repo=refuse))
    )
    with pytest.raises(UsageError, match=r"^the hub refused create_repo for me/results: 401 Client Error\.$"):
        DataSet("me/results").upload(Path(), "Results")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match=r"pip install '\.\[publish\]'"):
        DataSet("me/results")


def test_the_names_that_are_called_are_the_hubs_own() -> None:
    hub = pytest.importorskip("huggingface_hub")
    for what in ("repo_exists", "file_exists", "hf_hub_download", "create_repo", "upload_folder"):
        assert callable(getattr(hub.HfApi, what))


def test_pages_that_are_gone_leave_a_branch_and_a_data_set(benchbox: Command, repository: Path, hub: Hub) -> None:
    run = ("run", "--model", "mixture", "--samples", 16, "--nfe", 5, "--sampler")
    benchbox(*run, "ddim")
    benchbox(*run, "heun", "--results", "others")
    for to, where in (("git", "."), ("hf", "me/results")):
        assert benchbox("publish", "others", "--to", to, "--output", where).status == 0
    assert "samplers/heun.html" in git(repository, "ls-tree", "-r", "--name-only", "gh-pages")
    # as if heun had been renamed in the rows that were published
    old = pd.read_parquet(hub.folder / "data" / "rows.parquet").assign(sampler="ddim")
    write_rows(old, hub.folder / "data" / "rows.parquet")
    assert benchbox("publish", "--to", "hf", "--output", "me/results").status == 0
    assert pages(hub.folder) == {"ddim.html"}


def test_publishing_from_the_command_line(benchbox: Command, repository: Path, hub: Hub) -> None:
    run = ("run", "--model", "mixture", "--samples", 16, "--nfe")
    benchbox(*run, 5, "--sampler", "ddim")
    benchbox(*run, 9, "--sampler", "ddim", "--results", "bobs")
    benchbox(*run, 7, "--sampler", "ddim", "--results", "later")
    for to, where in (("folder", "site"), ("git", "."), ("hf", "me/results")):
        first = benchbox("publish", "--to", to, "--output", where, "--merge", "bob=bobs")
        assert first.out.startswith("2 rows"), (first.out, first.err)
        # what was published before stays
        assert benchbox("publish", "later", "--to", to, "--output", where).out.startswith("3 rows")
    found = package.load_results("site/data")
    assert sources(found, "nfe_requested") == {5: "", 7: "", 9: "bob"}
    assert "NFE 9" in benchbox("leaderboard", "site").out
    assert "already has these 3 rows" in benchbox("publish", "later", "--to", "git", "--output", ".").out
    assert "3 cells of 1 sampler on 1 model." in Path("site/README.md").read_text()
    assert hub.calls.count("upload_folder") == 2
    Path("docs").mkdir()
    Path("docs/index.html").write_text("the documentation")
    Branch(repository, "docs").commit(Path("docs"), "The documentation")
    for arguments, sentence in (
        (["--output", "docs"], "the index.html of another site would be overwritten: choose another folder"),
        (["--to", "git", "--branch", "docs"], "would be overwritten: choose another branch"),
        (["--to", "folder"], "needs --output: a folder"),
        (["--to", "hf"], "needs --output: OWNER/NAME"),
        (["--output", "x", "--merge", "bobs"], "--merge 'bobs' is not valid: give NAME=DIRECTORY"),
    ):
        assert sentence in benchbox("publish", *arguments).sentence
