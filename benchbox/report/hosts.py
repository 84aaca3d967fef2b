"""Targets of a publication: a branch of a git repository, or a Hugging Face data set."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchbox.errors import UsageError
from benchbox.project_packages import pip_install
from benchbox.report.page.manifest import MANIFEST_FILE, ROWS_FILE
from benchbox.report.publish import WORKFLOW

KEPT_FILES = ("README.md", WORKFLOW)
"""Files that a publication writes where there are none, and that are the keeper's own afterwards."""

KNOWN_FILES = (ROWS_FILE, MANIFEST_FILE, "index.html", *KEPT_FILES)
"""Files of the previous site that are read before it is replaced."""


class Branch:
    """A git branch, written without touching the working tree, the index or HEAD."""

    def __init__(self, repository: Path, branch: str) -> None:
        self.repository, self.branch = repository, branch
        self.ref = f"refs/heads/{branch}"
        self.git("rev-parse", "--git-dir")
        self.git("check-ref-format", self.ref)
        if self.git("symbolic-ref", "-q", "HEAD", check=False) == self.ref:
            raise UsageError(f"branch {branch} is checked out in {repository}: publish to another branch.")

    def git(self, *words: str, index: str = "", tree: Path | None = None, check: bool = True) -> str:
        """The output of a git command. UsageError with git's own message if it fails."""
        environment = {"GIT_INDEX_FILE": index} if index else {}
        work_tree = [f"--work-tree={tree}"] if tree else []
        try:
            result = subprocess.run(
                ["git", "-C", self.repository, *work_tree, *words], env=os.environ | environment,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        except OSError as error:
            raise UsageError(f"git cannot be run: {error.strerror}.") from None
        if check and result.returncode:
            message = (result.stderr.strip().splitlines() or ["it failed"])[-1].removeprefix("fatal: ")
            raise UsageError(f"git {words[0]} in {self.repository}: {message.rstrip('.')}.")
        return result.stdout.strip()

    def fetch(self, folder: Path) -> None:
        """Copy the known files of the branch into a folder."""
        for name in KNOWN_FILES:
            if self.git("cat-file", "-t", f"{self.ref}:{name}", check=False) == "blob":
                command = ["git", "-C", str(self.repository), "cat-file", "blob", f"{self.ref}:{name}"]
                _copy_into(folder, name, subprocess.run(command, capture_output=True, check=True).stdout)

    def commit(self, folder: Path, message: str, gone: Sequence[str] = ()) -> str:
        """Commit a folder to the branch and remove the files in `gone`; other files of the branch stay.

        Returns the hash of the commit, or "" if nothing changed.
        """
        parent = self.git("rev-parse", "-q", "--verify", f"{self.ref}^{{commit}}", check=False)
        with tempfile.TemporaryDirectory() as scratch:
            index = str(Path(scratch) / "index")
            if parent:
                self.git("read-tree", parent, index=index)
            if gone:
                self.git("update-index", "--force-remove", "--", *gone, index=index, tree=folder)
            self.git("add", "--ignore-removal", "--force", ".", index=index, tree=folder)
            tree = self.git("write-tree", index=index)
        if parent and self.git("rev-parse", f"{parent}^{{tree}}") == tree:
            return ""
        commit = self.git("commit-tree", tree, "-m", message, *(["-p", parent] if parent else []))
        self.git("update-ref", "-m", message, self.ref, commit, parent or "0" * len(commit))
        return commit


class DataSet:
    """A data set on the Hugging Face hub; credentials are those of huggingface_hub."""

    def __init__(self, name: str) -> None:
        try:
            import huggingface_hub
        except ImportError:
            raise UsageError(f"publishing to a hub needs huggingface_hub: {pip_install(extra='publish')}.") from None
        self.name, self.hub = name, huggingface_hub

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the hub's client. UsageError with the hub's own message if it fails."""
        try:
            return getattr(self.hub.HfApi(), method)(repo_id=self.name, repo_type="dataset", **arguments)
        except Exception as error:
            message = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UsageError(f"the hub refused {method} for {self.name}: {message.rstrip('.')}.") from error

    def fetch(self, folder: Path) -> None:
        """Copy the known files of the data set into a folder."""
        for name in KNOWN_FILES if self.call("repo_exists") else ():
            if self.call("file_exists", filename=name):
                _copy_into(folder, name, Path(self.call("hf_hub_download", filename=name)).read_bytes())

    def upload(self, folder: Path, message: str, gone: Sequence[str] = ()) -> str:
        """Upload a folder and remove the files in `gone`. Returns the URL of the commit."""
        self.call("create_repo", exist_ok=True)
        options = {"folder_path": str(folder), "commit_message": message, "delete_patterns": list(gone)}
        return str(self.call("upload_folder", **options))


def _copy_into(folder: Path, name: str, content: bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def keep_files(previous: Path, folder: Path) -> None:
    """Copy the keeper's own files of the previous site into the folder of the next one."""
    for name in KEPT_FILES:
        if (previous / name).is_file():
            _copy_into(folder, name, (previous / name).read_bytes())
